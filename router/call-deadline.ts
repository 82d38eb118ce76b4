import type { Deadline } from '@grpc/grpc-js';

/** What a call without a deadline gets. */
const DEFAULT_MS = 10_000;
const LONGEST_MS = 120_000;

/**
 * How long a call may take here, in milliseconds: a little less than its caller waits, so that
 * the answer still arrives.
 */
export function remainingMs(deadline: Deadline): number {
  const at = typeof deadline === 'number' ? deadline : deadline.getTime();
  if (at === Infinity) return DEFAULT_MS;
  const ms = Math.min(at - Date.now(), LONGEST_MS);
  return ms - Math.min(100, ms * 0.2);
}
