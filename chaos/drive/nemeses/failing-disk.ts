import { type Copy, copiesOf, profiles } from '../installation/installation.ts';
import { strikeWith } from './breaking.ts';
import { needsPrograms, needsRoot, needsTracing } from './needs.ts';
import { harmsOfPostgres } from './harms.ts';
import type { Nemesis, Scene, Strike } from './nemesis.ts';
import { Strace } from './strace.ts';
import { aLeader } from './targets.ts';

/** Failing or slow disks, as the Postgres of one copy sees them (N25, N26). */

const SYNC = 'fsync,fdatasync';

const common = {
  profiles,
  alone: false,
  whyNot: () =>
    Promise.resolve(
      needsRoot('trace the processes of Postgres') || needsPrograms('strace') || needsTracing(),
    ),
} as const satisfies Partial<Nemesis>;

/** Traces the Postgres of a copy. Processes that die of it are restarted by their supervisor. */
function traced(scene: Scene, copy: Copy, how: string, harms: Strike['harms']): Promise<Strike> {
  const { postgresFolder, processes } = copy;
  const strace = new Strace(postgresFolder);
  return Promise.resolve(
    strikeWith(scene, {
      targets: [processes.postgres],
      harms,
      begin: () => strace.begin(SYNC, how),
      finish: async () => {
        scene.report(`${strace.injected} calls of ${processes.postgres} were injected with ${how}`);
        await strace.end();
      },
    }),
  );
}

export const fsyncError: Nemesis = {
  ...common,
  name: 'fsync-error',
  place: 'N25',
  description: 'the disk of a leader fails to sync its writes: Postgres must stop and recover',
  lastsMs: [3_000, 8_000],
  aim: (scene) => {
    const leader = aLeader(scene);
    // Counted separately for each process of Postgres.
    const nth = 1 + scene.random.below(4);
    // Postgres stops at once when it does not know what is on the disk; then its books have no
    // leader until it has recovered, or another copy was promoted.
    const harms = harmsOfPostgres(scene, leader);
    return traced(scene, leader, `error=EIO:when=${nth}`, harms);
  },
};

export const slowDisk: Nemesis = {
  ...common,
  name: 'slow-disk',
  place: 'N26',
  description: 'every write to the disk of one copy takes up to half a second',
  lastsMs: [3_000, 10_000],
  aim: (scene) => {
    const leader = aLeader(scene);
    const other = copiesOf(scene.installation, leader.book).find((copy) => copy !== leader);
    const copy = scene.random.chance(0.3) ? (other ?? leader) : leader;
    // At the leader every commit waits for the disk. At another copy none does while a third
    // confirms; only reads that this copy answers, for its own region's router, fall behind.
    const harms =
      copy === leader ? harmsOfPostgres(scene, copy) : [{ book: copy.book, router: copy.region }];
    const delayMicros = Math.round(scene.random.between(20_000, 500_000));
    return traced(scene, copy, `delay_enter=${delayMicros}`, harms);
  },
};
