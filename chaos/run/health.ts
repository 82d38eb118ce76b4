import { askCopy } from '../../regions/drills/evidence/read-back.ts';
import { routerProblems, untilNoProblems } from '../../regions/drills/steady.ts';
import { copiesOf, type Installation } from '../drive/installation/installation.ts';
import type { EpochWatch } from './epoch-watch.ts';

/** A copy that was cut off may stream for a moment before it detects that it must be rewound. */
const HOLDS_MS = 3_000;

/** Returns, as texts, which servers do not serve and which replicas do not follow. */
async function problems(installation: Installation, leaders: EpochWatch): Promise<string[]> {
  const now = installation.state();
  const { regions, processes } = now;
  const down = processes
    .filter(({ state }) => state !== 'ready')
    .map(({ name, state }) => `${name} is ${state}`);
  const books = regions.map(async ({ book, bookName }) => {
    const leader = leaders.leader(book);
    if (leader === undefined) return [`no server leads ${bookName}`];
    const others = copiesOf(installation, book).length - 1;
    if (others === 0) return [];
    const streaming = await streamingFrom(leader.adminUrl);
    return streaming >= others ? [] : [`${streaming} of ${others} copies follow ${bookName}`];
  });
  return [...down, ...(await Promise.all([routerProblems(now), ...books])).flat()];
}

/** How many copies stream from this primary; 0 when it does not answer. */
async function streamingFrom(adminUrl: string): Promise<number> {
  try {
    const [row] = await askCopy(
      adminUrl,
      (sql) => sql<{ streaming: number }[]>`
        SELECT count(*)::int AS streaming FROM pg_stat_replication WHERE state = 'streaming'`,
    );
    return row?.streaming ?? 0;
  } catch {
    return 0;
  }
}

/** Waits until none is left. Returns the problems left when the time is up. */
export function waitUntilWell(
  installation: Installation,
  leaders: EpochWatch,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string[]> {
  return untilNoProblems(() => problems(installation, leaders), HOLDS_MS, timeoutMs, signal);
}
