import { setTimeout as sleep } from 'node:timers/promises';
import { copiesOf } from '../installation/installation.ts';
import { strikeWith } from './breaking.ts';
import type { Nemesis } from './nemesis.ts';
import { once } from './session.ts';
import { aLeader, always } from './targets.ts';

const RESUME_MS = 30_000;

export const pausedReplay: Nemesis = {
  name: 'paused-replay',
  place: 'N34',
  description: 'a copy of a book receives the log and does not replay it, so that it falls behind',
  profiles: ['replicated'],
  lastsMs: [3_000, 12_000],
  // If its leader were lost meanwhile, this might be the only copy with all acknowledged writes.
  alone: true,
  whyNot: always,
  aim: (scene) => {
    const leader = aLeader(scene);
    const all = copiesOf(scene.installation, leader.book);
    const copy = scene.random.pick(all.filter((other) => other !== leader));
    const { adminUrl, book, processes, region } = copy;
    const begin = async () => {
      await once(adminUrl, (session) => session`SELECT pg_wal_replay_pause()`);
    };
    const finish = async () => {
      const until = performance.now() + RESUME_MS;
      while (!(await resume(adminUrl))) {
        if (performance.now() > until) throw new Error(`${processes.postgres} does not replay`);
        await sleep(500);
      }
    };
    // It still confirms what it receives, so commits do not wait. Reads with a minimum position are
    // late or refused where this copy answers them: in its own region.
    const harms = [{ book, router: region }];
    const targets = [processes.postgres];
    return Promise.resolve(strikeWith(scene, { targets, harms, begin, finish }));
  },
};

/**
 * Returns false if it cannot be reached now. A copy that was promoted or restarted is not paused
 * any more.
 */
async function resume(adminUrl: string): Promise<boolean> {
  try {
    return await once(adminUrl, async (session) => {
      const [row] = await session<{ standby: boolean }[]>`SELECT pg_is_in_recovery() AS standby`;
      if (row?.standby === true) await session`SELECT pg_wal_replay_resume()`;
      return true;
    });
  } catch {
    return false;
  }
}
