import type { Deadline } from '@grpc/grpc-js';
import { routerTuning, type RouterTuning } from '../router-tuning.ts';

/** How much sooner a call is answered: the way to its caller, and a router that is busy, take time. */
const MARGIN_MS = 500;
const MARGIN_SHARE = 0.2;

/**
 * How long a call may take here, in milliseconds: less than its caller waits, so that the answer,
 * which states what may have been applied, arrives before the caller has given up.
 */
export function remainingMs(deadline: Deadline, tuning: RouterTuning = routerTuning): number {
  const at = typeof deadline === 'number' ? deadline : deadline.getTime();
  if (at === Infinity) return tuning.defaultDeadlineMs;
  const ms = Math.min(at - Date.now(), tuning.longestDeadlineMs);
  return ms - Math.min(MARGIN_MS, ms * MARGIN_SHARE);
}
