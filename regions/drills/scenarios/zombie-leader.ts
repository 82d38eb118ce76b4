import { type Scenario, untilReplaced } from '../scenario.ts';
import { DirectCaller } from '../load/direct-caller.ts';

const DIRECT_CALLS = 5;

export const zombieLeader: Scenario = {
  name: 'zombie-leader',
  hypothesis:
    'A leader that was frozen, replaced, and wakes up believing that it still leads ' +
    'acknowledges nothing.',
  breaks: "the leader's Postgres, Patroni and ledger server are frozen with SIGSTOP",
  steps: [
    "freeze the leader's Postgres, Patroni and ledger server",
    'wait until another region leads the book',
    'ask the frozen ledger server itself for transfers',
    'thaw the ledger server and Postgres, and 3 s later Patroni',
  ],
  abortConditions: [],
  affected: 'target',
  healthy: 'others',
  limits: { rtoMs: 15_000, collateralMs: 1_000 },
  notTested: ['a whole host that is frozen, with its clock'],
  async run(drill) {
    const { region, target, faults } = drill;
    const name = (role: string) => `${region}/${role}-${target.bookName}`;
    const roles = ['ledger', 'postgres', 'patroni'];
    const zombie = new DirectCaller(drill, target.ledgerAddress);
    try {
      // The connection must be there before the server freezes.
      await zombie.connect();
      drill.mark('injected', `the leader in ${region} is frozen`, { region });
      await Promise.all(roles.map((role) => faults.signal(name(role), 'SIGSTOP')));
      const replaced = await untilReplaced(drill, 60_000);
      // Only now: if it acknowledges any of these, it does so as a deposed leader.
      if (replaced) zombie.ask(DIRECT_CALLS);
      await drill.pause(2_000);
      await faults.signal(name('ledger'), 'SIGCONT');
      await faults.signal(name('postgres'), 'SIGCONT');
      drill.mark('other', 'the old leader wakes up, its Patroni does not yet', { region });
      await drill.pause(3_000);
      await faults.signal(name('patroni'), 'SIGCONT');
      drill.mark('healed', `the frozen processes in ${region} run again`, { region });
      const acknowledged = await zombie.finish(10_000);
      drill.check({
        name: 'the deposed leader, asked itself, acknowledges nothing',
        limit: `0 of ${DIRECT_CALLS}`,
        measured: replaced ? String(acknowledged) : 'it was never deposed',
        result: !replaced ? 'unknown' : acknowledged === 0 ? 'pass' : 'fail',
      });
    } finally {
      zombie.close();
    }
  },
};
