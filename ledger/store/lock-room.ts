/**
 * Locks of a session for each partition, while it plans a statement over the whole journal: one for
 * the table and one for each index, in the lock table of the server until the transaction ends.
 */
export const LOCKS_PER_PARTITION = 20;

/** Sessions that may do so at the same moment: all of them must after a partition was added. */
const PLANNING_AT_ONCE = 4;

/**
 * How many partitions a journal may have before statements run out of locks.
 *
 * @param room locks that all sessions of the server may hold together
 */
export const partitionsWithin = (room: number): number =>
  Math.floor(room / (LOCKS_PER_PARTITION * PLANNING_AT_ONCE));

/**
 * Why the database has too little room for locks; undefined: it has enough. A statement that finds
 * none fails, be it a read or a commit.
 */
export function lockShortage(partitions: number, room: number): string | undefined {
  const most = partitionsWithin(room);
  if (partitions <= most) return undefined;
  return `${partitions} partitions, where there are locks for ${most}: raise max_locks_per_transaction`;
}
