import type { Copy } from '../installation/installation.ts';
import { type Blow, type Breaking, strikeWith } from './breaking.ts';
import { harmsOfPartition } from './harms.ts';
import type { Nemesis, Scene } from './nemesis.ts';
import { OperatorAtWork } from './operator-at-work.ts';
import { cutAll, silences, waysOf } from './partition.ts';
import { aLeader, always, othersWithCopy } from './targets.ts';

/**
 * Promotions while the old leader is unreachable in one of several ways. All touch the calls that
 * need the book, until it is led elsewhere; one that cuts off its region also touches what that
 * does.
 */

const common = {
  place: 'N31',
  profiles: ['replicated'],
  // Patroni before version 4 replaces a leader after 6 s, later ones after 20.
  lastsMs: [15_000, 35_000],
  alone: true,
  whyNot: always,
} as const;

/** State of the old leader when another copy is promoted. */
interface State {
  readonly name: string;
  readonly description: string;
  break(breaking: Breaking, leader: Copy, scene: Scene): Promise<void>;
  readonly harms: (scene: Scene, leader: Copy) => Blow['harms'];
}

const ofBook = (_: Scene, { book }: Copy) => [{ book }];

const states: readonly State[] = [
  {
    name: 'paused',
    description: 'frozen together with its Patroni',
    break: async ({ faults }, { processes }) => {
      for (const process of all(processes)) await faults.signal(process, 'SIGSTOP');
    },
    harms: ofBook,
  },
  {
    name: 'partitioned',
    description: 'cut off from the other regions with its whole region',
    break: ({ faults }, { region }, scene) =>
      cutAll(faults, waysOf(scene, region), scene.random.pick(silences)),
    harms: (scene, { region }) => harmsOfPartition(scene, region),
  },
  {
    name: 'killed',
    description: 'killed and kept down',
    break: async ({ faults }, { processes: { ledger, postgres: database, patroni } }) => {
      // Patroni first, or it would restart its Postgres at once.
      if (patroni !== undefined) await faults.stop(patroni);
      await faults.signal(database, 'SIGKILL');
      await faults.signal(ledger, 'SIGKILL');
    },
    harms: ofBook,
  },
];

const all = ({ ledger, postgres: database, patroni }: Copy['processes']): string[] =>
  [ledger, database, patroni].filter((process) => process !== undefined);

function promoteWhile(state: State): Nemesis {
  const name = `promote-while-${state.name}`;
  return {
    ...common,
    name,
    description: `an operator promotes a copy while the old leader is ${state.description}; then it returns`,
    aim: (scene) => {
      const leader = aLeader(scene);
      const { bookName: book, region } = leader;
      const to = scene.random.pick(othersWithCopy(scene, leader));
      const operator = new OperatorAtWork(scene, name);
      const begin = async (breaking: Breaking) => {
        await state.break(breaking, leader, scene);
        const { letRun, over, pause } = breaking;
        letRun(async () => {
          // Refused while the old leader may still lead; done or superfluous a few seconds later.
          while (!over.aborted && scene.leader(leader.book)?.region !== to) {
            await operator.make({ kind: 'failover', book, to, acceptLoss: false });
            await pause(1_000);
          }
        });
      };
      const harms = state.harms(scene, leader);
      const targets = [`${book} from ${region} to ${to}`];
      const finish = () => operator.finish();
      return Promise.resolve(strikeWith(scene, { targets, harms, begin, finish }));
    },
  };
}

export const promotions: readonly Nemesis[] = states.map(promoteWhile);
