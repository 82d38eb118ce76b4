import type { Deadline } from '@grpc/grpc-js';

/** The deadline of a call that has none. */
const DEFAULT_MS = 10_000;
const LONGEST_MS = 120_000;
/** How much sooner a call is answered: the way to its caller, and a router that is busy, take time. */
const MARGIN_MS = 500;
const MARGIN_SHARE = 0.2;

/**
 * How long a call may take here, in milliseconds: less than its caller waits, so that the answer,
 * which states what may have been applied, arrives before the caller has given up.
 */
export function remainingMs(deadline: Deadline): number {
  const at = typeof deadline === 'number' ? deadline : deadline.getTime();
  if (at === Infinity) return DEFAULT_MS;
  const ms = Math.min(at - Date.now(), LONGEST_MS);
  return ms - Math.min(MARGIN_MS, ms * MARGIN_SHARE);
}
