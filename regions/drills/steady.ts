import { setTimeout as sleep } from 'node:timers/promises';
import { probeHealth } from '../processes/probes.ts';
import type { ClusterState } from '../topology/state.ts';
import type { MemberView, Watcher } from './watcher.ts';

/**
 * The steady state, which must hold before a drill and again after it: every book has one
 * primary, led by the ledger server next to it, two replicas that stream, one of them
 * synchronous, and every region's router serves.
 */

/** Returns the problems of the members, as texts. Pure. */
export function memberProblems(views: readonly MemberView[]): string[] {
  const problems: string[] = [];
  for (const [book, members] of Map.groupBy(views, ({ member }) => member.bookName)) {
    for (const { member, patroni, ledger } of members) {
      if (patroni === undefined) problems.push(`Patroni of ${member.name} does not answer`);
      else if (patroni.state !== 'running') {
        problems.push(`Postgres of ${member.name} is ${patroni.state}`);
      }
      if (ledger === undefined) {
        problems.push(`the ledger server next to ${member.name} does not answer`);
      }
    }
    problems.push(...bookProblems(book, members));
  }
  return problems;
}

function bookProblems(book: string, members: readonly MemberView[]): string[] {
  const primaries = members.filter(({ patroni }) => patroni?.primary === true);
  const [primary] = primaries;
  if (primary === undefined || primaries.length > 1) {
    return [`${book} has ${primaries.length} primaries`];
  }
  const problems: string[] = [];
  if (primary.ledger?.leading !== true) problems.push(`${book} has no leader next to its primary`);
  const others = members.filter((one) => one !== primary && one.ledger?.leading === true);
  if (others.length > 0) problems.push(`${book} is led by a server next to a replica`);
  const { streaming = 0, synchronous = 0 } = primary.patroni ?? {};
  if (streaming < members.length - 1) {
    problems.push(`${streaming} of the ${members.length - 1} replicas of ${book} stream`);
  }
  if (synchronous === 0) problems.push(`${book} has no synchronous replica`);
  return problems;
}

/** Returns the current problems, the routers included. */
export async function steadyProblems(watcher: Watcher, state: ClusterState): Promise<string[]> {
  return [...memberProblems(watcher.members()), ...(await routerProblems(state))];
}

/** Returns the problems of the routers, as texts. */
export async function routerProblems({ regions }: ClusterState): Promise<string[]> {
  const routers = regions.map(async ({ name, routerAddress }) =>
    (await probeHealth(routerAddress)) ? [] : [`the router of ${name} does not serve`],
  );
  return (await Promise.all(routers)).flat();
}

/**
 * How long it must hold. A copy that was cut off may stream for a moment before it detects that
 * it must be rewound.
 */
const HOLDS_MS = 4_000;

/** Waits for the steady state. Returns the problems left when the time is up; none: it holds. */
export function waitUntilSteady(
  watcher: Watcher,
  state: ClusterState,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string[]> {
  return untilNoProblems(() => steadyProblems(watcher, state), HOLDS_MS, timeoutMs, signal);
}

/**
 * Asks for problems again and again until there has been none for `holdsMs`. Returns the
 * problems left when the time is up; none: it holds. Throws when it is aborted.
 */
export async function untilNoProblems(
  ask: () => Promise<string[]>,
  holdsMs: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string[]> {
  const giveUpAt = performance.now() + timeoutMs;
  let since: number | undefined;
  for (;;) {
    const problems = await ask();
    const now = performance.now();
    if (problems.length > 0) since = undefined;
    else since ??= now;
    if (now >= giveUpAt || (since !== undefined && now - since >= holdsMs)) return problems;
    await sleep(500, undefined, { signal });
  }
}
