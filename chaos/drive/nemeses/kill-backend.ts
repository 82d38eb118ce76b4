import { kill } from 'node:process';
import postgres from 'postgres';
import { type Copy, profiles } from '../installation/installation.ts';
import type { Random } from '../../../ledger/core/random.ts';
import { strikeWith } from './breaking.ts';
import { folderOf } from './frozen.ts';
import { harmsOfPostgres } from './harms.ts';
import type { Nemesis } from './nemesis.ts';
import { aLeader, always, ownRandom } from './targets.ts';

/**
 * Kills one backend in the middle of its work. Postgres ends all others then and recovers; with
 * copies it stays down and the book is led elsewhere. Either way the book serves no calls for a
 * while: all calls that need it are touched.
 */
export const killBackend: Nemesis = {
  name: 'kill-backend',
  place: 'N1',
  description: "one backend of a leader's Postgres, serving the ledger, is killed with SIGKILL",
  profiles,
  lastsMs: [3_000, 10_000],
  alone: false,
  whyNot: always,
  aim: (scene) => {
    const copy = aLeader(scene);
    const random = ownRandom(scene.random);
    const begin = () => killOne(copy, random);
    const targets = [copy.processes.postgres];
    // Postgres ends all its sessions when one of its backends was killed.
    const harms = harmsOfPostgres(scene, copy);
    return Promise.resolve(strikeWith(scene, { targets, harms, begin }));
  },
};

async function killOne({ adminUrl, postgresFolder }: Copy, random: Random): Promise<void> {
  const admin = postgres(adminUrl, { max: 1, connect_timeout: 5, onnotice: () => {} });
  try {
    const rows = await admin<{ pid: number }[]>`
      SELECT pid FROM pg_stat_activity WHERE usename = 'meridian_ledger' ORDER BY pid`;
    // Only a process that works in the folder of this Postgres is part of it, whatever its pid.
    const own = rows.filter(({ pid }) => folderOf(pid) === postgresFolder);
    kill(random.pick(own).pid, 'SIGKILL');
  } finally {
    // The answer to our own connection's end may never come.
    await admin.end({ timeout: 1 }).catch(() => undefined);
  }
}
