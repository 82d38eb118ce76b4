import { type Copy, profiles } from '../installation/installation.ts';
import { type Breaking, strikeWith } from './breaking.ts';
import { harmsOfPostgres } from './harms.ts';
import type { Nemesis, Scene } from './nemesis.ts';
import { aLeader, always, ownRandom, shuffled } from './targets.ts';

const LOOK_MS = 200;

/**
 * The zombie: a leader that is frozen, replaced, and wakes up believing that it still leads. With
 * copies, everything that could notice is frozen, including its Patroni, for longer than the lease;
 * with one copy of each book no server replaces it, and its ledger server, its Postgres or both are
 * frozen. Touches all calls that need the book: they wait until it is led elsewhere or thawed.
 * Other books of the region have processes of their own.
 */
export const pauseLeader: Nemesis = {
  name: 'pause-leader',
  place: 'N3',
  description:
    'a leader is frozen with SIGSTOP, including Patroni, Postgres and its children, until ' +
    'another has replaced it, and thawed process by process',
  profiles,
  // Patroni before version 4 replaces it after 6 s, later ones after 20.
  lastsMs: [15_000, 40_000],
  alone: false,
  whyNot: always,
  aim: (scene) => {
    const copy = aLeader(scene);
    const random = ownRandom(scene.random);
    const frozen = whatFreezes(scene, copy);
    const begin = async ({ faults, goOn, pause }: Breaking) => {
      // One after the other: if the strike ends early, they are thawed in this order.
      for (const process of frozen) await faults.signal(process, 'SIGSTOP');
      goOn(async () => {
        if (scene.installation.profile === 'embedded') await pause(random.between(1_000, 10_000));
        else await replaced(scene, copy, pause);
        await pause(random.between(500, 4_000));
        for (const process of frozen) {
          await faults.signal(process, 'SIGCONT');
          await pause(random.between(0, 3_000));
        }
      });
    };
    const harms = frozen.includes(copy.processes.postgres)
      ? harmsOfPostgres(scene, copy)
      : [{ book: copy.book }];
    return Promise.resolve(strikeWith(scene, { targets: frozen, harms, begin }));
  },
};

/** In the order in which they are frozen and thawed. */
function whatFreezes({ random }: Scene, { processes }: Copy): string[] {
  const { ledger, postgres, patroni } = processes;
  if (patroni !== undefined) return shuffled(random, [ledger, postgres, patroni]);
  const which = random.pick([[ledger], [postgres], [ledger, postgres]]);
  return shuffled(random, which);
}

async function replaced(scene: Scene, copy: Copy, pause: Breaking['pause']): Promise<void> {
  while ((scene.leader(copy.book)?.region ?? copy.region) === copy.region) await pause(LOOK_MS);
}
