import { type Scenario, untilReplaced } from '../scenario.ts';

export const postgresCrash: Scenario = {
  name: 'postgres-crash',
  hypothesis:
    'A Postgres that crashes under writes loses nothing: its book is led by another region ' +
    'within 15 s, and the crashed copy follows it again.',
  breaks: "the leader's Postgres and all its backends are killed with SIGKILL",
  steps: ["kill the leader's Postgres", 'wait until another region leads the book'],
  abortConditions: [],
  affected: 'target',
  healthy: 'others',
  limits: { rtoMs: 15_000, collateralMs: 1_000 },
  notTested: ['a disk that is full or broken', 'a crash of one backend alone'],
  async run(drill) {
    const { region, target, faults } = drill;
    drill.mark('injected', `Postgres of ${target.name} crashes`, { region });
    await faults.signal(`${region}/postgres-${target.bookName}`, 'SIGKILL');
    await untilReplaced(drill, 60_000);
    drill.mark('healed', 'nothing has to be repaired by hand', { region });
  },
};
