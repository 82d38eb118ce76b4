/** Pauses between attempts that fail: the first one, and the longest that doubling leads to. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * Returns the pause before the next attempt, in milliseconds. Up to half of it is left out at
 * random, so that clients that failed together do not return together.
 *
 * @param failures attempts that have failed in a row, at least 1
 */
export function backoffMs(failures: number, { firstMs, longestMs }: Backoff): number {
  const fullMs = Math.min(longestMs, firstMs * 2 ** (failures - 1));
  return fullMs * (0.5 + Math.random() / 2);
}
