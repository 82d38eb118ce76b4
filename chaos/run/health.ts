import { setTimeout as sleep } from 'node:timers/promises';
import { evidencePool } from '../../regions/drills/evidence/read-back.ts';
import { probeHealth } from '../../regions/local/probes.ts';
import { copiesOf, type Installation } from '../installation/installation.ts';
import type { LeaderWatch } from './leaders.ts';

/** A copy that was cut off streams for a moment, until it finds out that it must be rewound. */
const HOLDS_MS = 3_000;

/** What speaks against it that everything serves and every copy follows, in words. */
async function problems(installation: Installation, leaders: LeaderWatch): Promise<string[]> {
  const { regions, processes } = installation.state();
  const down = processes
    .filter(({ state }) => state !== 'ready')
    .map(({ name, state }) => `${name} is ${state}`);
  const routers = regions.map(async ({ name, routerAddress }) =>
    (await probeHealth(routerAddress)) ? [] : [`the router of ${name} does not serve`],
  );
  const books = regions.map(async ({ book, bookName }) => {
    const leader = leaders.leader(book);
    if (leader === undefined) return [`nobody leads ${bookName}`];
    const others = copiesOf(installation, book).length - 1;
    if (others === 0) return [];
    const streaming = await streamingFrom(leader.adminUrl);
    return streaming >= others ? [] : [`${streaming} of ${others} copies follow ${bookName}`];
  });
  return [...down, ...(await Promise.all([...routers, ...books])).flat()];
}

/** How many copies stream from this primary; 0 when it does not answer. */
async function streamingFrom(adminUrl: string): Promise<number> {
  const pool = evidencePool(adminUrl);
  try {
    const [row] = await pool<{ streaming: number }[]>`
      SELECT count(*)::int AS streaming FROM pg_stat_replication WHERE state = 'streaming'`;
    return row?.streaming ?? 0;
  } catch {
    return 0;
  } finally {
    await pool.end({ timeout: 1 });
  }
}

/** Waits for it. Gives what still speaks against it when the time is up; nothing: it holds. */
export async function waitUntilWell(
  installation: Installation,
  leaders: LeaderWatch,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string[]> {
  const giveUpAt = performance.now() + timeoutMs;
  let since: number | undefined;
  for (;;) {
    const found = await problems(installation, leaders);
    const now = performance.now();
    if (found.length > 0) since = undefined;
    else since ??= now;
    if (now >= giveUpAt || (since !== undefined && now - since >= HOLDS_MS)) return found;
    await sleep(500, undefined, { signal });
  }
}
