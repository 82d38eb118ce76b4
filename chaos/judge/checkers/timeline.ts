/** Something with a beginning and an end. */
export interface CallSpan {
  readonly invokedNs: number;
  readonly completedNs: number;
}

/**
 * Visits the beginnings and ends of calls in the order of time. A call that ends at the nanosecond
 * at which another begins has not ended before it.
 */
export function inTime<T extends CallSpan>(
  calls: readonly T[],
  onBegin: (call: T) => void,
  onEnd: (call: T) => void,
): void {
  const begun = calls.toSorted((a, b) => a.invokedNs - b.invokedNs);
  const ended = calls.toSorted((a, b) => compare(a.completedNs, b.completedNs));
  let next = 0;
  for (const call of begun) {
    for (
      let end = ended[next];
      end !== undefined && end.completedNs < call.invokedNs;
      end = ended[next]
    ) {
      onEnd(end);
      next += 1;
    }
    onBegin(call);
  }
  for (const call of ended.slice(next)) onEnd(call);
}

/** Infinity minus Infinity is NaN. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
