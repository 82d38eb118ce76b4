/**
 * The metadata of a request or leg that has none. There is one for all of them, so that it is neither
 * made nor looked into again; it cannot be changed. Requests that are decoded elsewhere have
 * an empty record of their own.
 */
export const NO_METADATA: Record<string, string> = Object.freeze(noNames());

/** A record with no name at all, not even one that all objects have. */
function noNames(): Record<string, string> {
  const empty: Record<string, string> = {};
  Object.setPrototypeOf(empty, null);
  return empty;
}
