import { setTimeout as sleep } from 'node:timers/promises';
import { profiles } from '../installation/installation.ts';
import { needsLoopDevice, needsOwn, needsPrograms, needsRoot } from './needs.ts';
import { harmsOfPostgres } from './harms.ts';
import type { Nemesis } from './nemesis.ts';
import { haltPostgres, startPostgres } from './postgres-of-copy.ts';
import { once } from './session.ts';
import { SmallDisk } from './small-disk.ts';
import { aLeader } from './targets.ts';

/** Room for two more segments: enough to begin with, soon used up. */
const SPARE_BYTES = 32 * 1024 * 1024;
/** Segments that were allocated before are used first. */
const SEGMENTS_MOST = 100;
const SEGMENTS_SENT = 6;
const FULL_MS = 30_000;

export const diskFull: Nemesis = {
  name: 'disk-full',
  place: 'N24',
  description:
    "the disk of the write-ahead log of a leader's Postgres is full; some time later " +
    'it has room again',
  profiles,
  lastsMs: [3_000, 10_000],
  alone: false,
  whyNot: (installation) =>
    Promise.resolve(
      needsOwn(installation) ||
        needsRoot('mount a small disk') ||
        needsPrograms('losetup', 'mkfs.ext4', 'mount', 'umount', 'fallocate', 'truncate') ||
        needsLoopDevice(),
    ),
  aim: (scene) => {
    const { installation } = scene;
    const leader = aLeader(scene);
    const disk = new SmallDisk(leader.postgresFolder);
    let isMoved = false;
    return Promise.resolve({
      targets: [leader.processes.postgres],
      // Its Postgres is stopped while the disk is mounted and unmounted, and stops on its own when
      // the log cannot continue. No other Postgres uses that disk.
      harms: harmsOfPostgres(scene, leader),
      async begin() {
        isMoved = true;
        await haltPostgres(installation, leader);
        await disk.begin(SPARE_BYTES);
        await startPostgres(installation, leader);
        await disk.fill();
        const { postgres } = leader.processes;
        const found = await useUp(leader.adminUrl, SEGMENTS_MOST);
        // This copy has to receive what another one writes now.
        const next = found === 'follows' ? scene.leader(leader.book) : undefined;
        if (next !== undefined) await useUp(next.adminUrl, SEGMENTS_SENT);
        scene.report(
          `${postgres} ${found === 'full' ? 'has no room' : `is on a full disk, and ${found}`}`,
        );
      },
      async end() {
        if (!isMoved) return;
        disk.free();
        await haltPostgres(installation, leader);
        await disk.end();
        await startPostgres(installation, leader);
      },
    });
  },
};

/**
 * Fills segments. Returns `full` when there is no room, `goes on` when `segments` are filled or the
 * time is up, `follows` if it is no primary.
 */
async function useUp(adminUrl: string, segments: number): Promise<'full' | 'follows' | 'goes on'> {
  const until = performance.now() + FULL_MS;
  for (let segment = 0; segment < segments && performance.now() < until; segment += 1) {
    try {
      const follows = await once(adminUrl, async (session) => {
        const [row] = await session<{ standby: boolean }[]>`SELECT pg_is_in_recovery() AS standby`;
        if (row?.standby === true) return true;
        await session`SELECT pg_logical_emit_message(true, 'chaos', 'fills the disk')`;
        await session`SELECT pg_switch_wal()`;
        return false;
      });
      if (follows) return 'follows';
    } catch {
      // It may have just started or just stopped: one more attempt decides.
      if (segment > 0) return 'full';
      await sleep(500);
    }
  }
  return 'goes on';
}
