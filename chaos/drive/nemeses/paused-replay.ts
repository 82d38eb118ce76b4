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
  description:
    'a copy of a book receives what is written and does not replay it, so that it falls behind',
  profiles: ['replicated'],
  lastsMs: [3_000, 12_000],
  // Were its leader lost meanwhile, the only copy with all that was acknowledged might be this.
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
    // It confirms what it has received as before, so commits do not wait. Reads that must be as
    // new as something are late or refused where this copy answers them: in its own region.
    const harms = [{ book, router: region }];
    const targets = [processes.postgres];
    return Promise.resolve(strikeWith(scene, { targets, harms, begin, finish }));
  },
};

/** False: it cannot be asked now. One that was promoted or started again is not paused any more. */
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
