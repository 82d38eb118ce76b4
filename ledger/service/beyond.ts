/** Places in the order of a list: after the first, through the second. */
export interface Range {
  readonly after: bigint;
  readonly through: bigint;
}

/** The part of a range beyond the place that the page before ended with. */
export function beyond(
  last: bigint | undefined,
  { after, through }: Range,
  newestFirst: boolean,
): Range {
  if (last === undefined) return { after, through };
  return newestFirst ? { after, through: last - 1n } : { after: last, through };
}
