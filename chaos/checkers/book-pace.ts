import type { TransferOperation } from '../history/operation.ts';
import type { Evidence } from './evidence.ts';
import type { Case } from './verdict.ts';

/** The harness measures time by another clock than the books, and both are slewed by NTP. */
const SLACK_MS = 1_000;

interface Bound {
  readonly operation: TransferOperation;
  /** The time of the book minus the time of the harness. */
  readonly ms: number;
}

/**
 * Part of I10: the time of a book passes as time does. Each answer was decided between the moment
 * that it was asked for and the moment that it came, so it bounds how far the book is ahead of
 * the harness from both sides. Were the book's time to jump or to stand still, no one distance
 * would fit all answers; what expires by that time would expire early or late.
 */
export function checkPace(evidence: Evidence, found: Case): void {
  const { operations } = evidence;
  const mostMs = skewMsOf(evidence) + SLACK_MS;
  const least = new Map<number, Bound>();
  const most = new Map<number, Bound>();
  for (const operation of operations.transfers) {
    const { value, reply, invokedNs, completedNs } = operation;
    if (reply === null || reply.replayed || value.dryRun) continue;
    // It has the time at which the key was used first.
    if (reply.reason === 'IDEMPOTENCY_KEY_REUSED') continue;
    found.looked();
    const { book } = reply.position;
    const micros = reply.decidedAtMicros;
    const low = { operation, ms: micros / 1_000 - completedNs / 1e6 };
    const high = { operation, ms: micros / 1_000 - invokedNs / 1e6 };
    if (low.ms > (least.get(book)?.ms ?? -Infinity)) least.set(book, low);
    if (high.ms < (most.get(book)?.ms ?? Infinity)) most.set(book, high);
  }
  for (const [book, { operation: ahead, ms }] of least) {
    const behind = most.get(book);
    if (behind === undefined || ms - behind.ms <= mostMs) continue;
    const by = Math.round(ms - behind.ms);
    const text = `the time of book ${book} was ${by} ms further ahead at one answer than at another`;
    found.violated(text, { operations: [ahead, behind.operation] });
  }
}

/**
 * How far the clocks of the books may be off: by the faults of the run, and by what the wall clock
 * of the machine itself was set by meanwhile, which a server that starts afterwards begins with.
 */
export function skewMsOf({ header, phases }: Evidence): number {
  const apart = phases.flatMap(({ wallMs, ns }) =>
    wallMs === undefined ? [] : [wallMs - ns / 1e6],
  );
  const setByMs = apart.length === 0 ? 0 : Math.max(...apart) - Math.min(...apart);
  return header.judging.clockSkewMs + setByMs;
}
