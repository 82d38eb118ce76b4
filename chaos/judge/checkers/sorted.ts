/** Index of the last item of a sorted list whose number is at most `bound`; -1: none. */
export function atOrBefore<T>(
  items: readonly T[],
  bound: number,
  numberOf: (item: T) => number,
): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && numberOf(item) <= bound) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
