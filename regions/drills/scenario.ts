import type { RegionName } from '../topology/layout.ts';
import type { ClusterState, MemberState, ReplicatedState } from '../topology/state.ts';
import type { Acting } from '../operator/change-plan.ts';
import type { NamedBook } from '../operator/book-copies.ts';
import type { Operator } from '../operator/operator.ts';
import type { Faults } from '../faults/faults.ts';
import { type CallLog, isWithinBook } from './load/call-log.ts';
import type { RunClock } from './load/run-clock.ts';
import type { DrillLoad } from './load/drill-load.ts';
import type { Check, MarkKind } from './report.ts';
import type { Watcher } from './watcher.ts';

/** The promises of a scenario, in addition to no loss, duplicate or contradiction. */
export interface Limits {
  /** Affected books take writes again at most this many milliseconds after the injection. */
  readonly rtoMs?: number;
  /** Affected books never pause longer, in milliseconds. */
  readonly pauseMs?: number;
  /** Every call has an outcome within its deadline. */
  readonly noErrors?: boolean;
  /** Own accounts of the healthy regions never pause longer, in milliseconds. */
  readonly collateralMs: number;
}

/** A way to break an installation, and the expected behaviour. */
export interface Scenario {
  readonly name: string;
  readonly hypothesis: string;
  /** Text: what it breaks. */
  readonly breaks: string;
  readonly steps: readonly string[];
  /** In addition to those that all drills have. */
  readonly abortConditions: readonly string[];
  /**
   * Books whose leader it takes or moves: the target's, those led in the region it breaks, all, or
   * none.
   */
  readonly affected: 'target' | 'led-there' | 'all' | 'none';
  /** Regions whose own accounts must not be affected. */
  readonly healthy: 'others' | 'all' | 'none';
  readonly limits: Limits;
  readonly notTested: readonly string[];
  /**
   * Breaks and repairs. The drill repairs what it leaves broken, also when it throws.
   * Throws AbortedDrill when going on would prove nothing or do harm.
   */
  run(drill: Drill): Promise<void>;
}

/** The tools of a scenario. */
export interface Drill {
  readonly state: ClusterState;
  readonly replicated: ReplicatedState;
  /** The region that is broken. */
  readonly region: RegionName;
  /** The member that leads a book in that region: the first of those whose book is homed there. */
  readonly target: MemberState;
  readonly books: readonly NamedBook[];
  /** Those of them whose leader it takes or moves. */
  readonly affected: readonly NamedBook[];
  /** The regions that are not. */
  readonly others: readonly RegionName[];
  /** What these break is always repaired after the drill. */
  readonly faults: Faults;
  readonly operator: Operator;
  readonly acting: Acting;
  readonly watcher: Watcher;
  readonly load: DrillLoad;
  readonly log: CallLog;
  readonly clock: RunClock;
  /** Namespace of this drill's keys. */
  readonly namespace: string;
  /** Aborted when the drill must end early. */
  readonly signal: AbortSignal;
  mark(kind: MarkKind, text: string, about?: { book?: string; region?: RegionName }): void;
  check(check: Check): void;
  /** Waits; throws when the drill is aborted. */
  pause(ms: number): Promise<void>;
  /** Waits for the condition. Returns false on timeout. Throws when the drill is aborted. */
  until(condition: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean>;
}

/** The drill ends early and proves nothing; what is broken is repaired all the same. */
export class AbortedDrill extends Error {
  override readonly name = 'AbortedDrill';
}

/** The members of the target's book in the other regions. */
export function standbysOf({ replicated, target }: Drill): MemberState[] {
  return replicated.members.filter(
    ({ book, region }) => book === target.book && region !== target.region,
  );
}

/** Waits until other regions lead the affected books. */
export function untilReplaced(drill: Drill, timeoutMs: number): Promise<boolean> {
  const { watcher, affected, region } = drill;
  const isReplaced = ({ name }: NamedBook) => {
    const leader = watcher.leader(name);
    return leader !== undefined && leader.member.region !== region;
  };
  return drill.until(() => affected.every(isReplaced), timeoutMs);
}

/** Does the work and checks that no book has a new leader or epoch afterwards. */
export async function withLeadersStaying(drill: Drill, work: () => Promise<void>): Promise<void> {
  const leaders = () => drill.books.map(({ name }) => drill.watcher.leader(name));
  const before = leaders();
  await work();
  const after = leaders();
  const moved = before.filter((leader, index) => leader?.epoch !== after[index]?.epoch);
  drill.check({
    name: 'no book changes its leader',
    limit: '0',
    measured: String(moved.length),
    result: moved.length === 0 ? 'pass' : 'fail',
  });
}

/** Calls within one book, of those that were answered after `fromMs` and before `toMs`. */
export function acknowledgedWithin(
  { log }: Drill,
  books: readonly number[],
  fromMs: number,
  toMs: number,
): number {
  return log.calls.filter(
    (call) =>
      call.acknowledged !== undefined &&
      books.includes(call.book) &&
      isWithinBook(call) &&
      call.endedAtMs > fromMs &&
      call.endedAtMs < toMs,
  ).length;
}
