import { appendWithin } from './append.ts';
import { unlessInDoubt } from './commit-in-doubt.ts';
import type { Sql } from './connect.ts';
import { lockHead } from './head.ts';
import type { Head } from '../append-batch.ts';
import { leaveFork } from './leave-fork.ts';
import { takeOverBatch } from '../take-over-batch.ts';

/**
 * Keeps a book from being led: its leader cannot post any more, and no server takes it over until
 * `unfenceBook`. The head is locked first, because a busy leader moves it faster than a distant
 * tool can compare and set it. A book that is fenced already stays as it is.
 *
 * @param sql connection to the book's primary as the owner of the database
 * @param by who fences it
 * @param nowMicros the time by the caller's clock, in microseconds since 1970; the earlier of it
 *   and that of the database is written
 * @returns the head as it is now
 * @throws CommitInDoubt if it is fenced on this node, but perhaps on no other: fence it again
 * @throws Error if no server has ever led the book
 */
export async function fenceBook(sql: Sql, by: string, nowMicros: number): Promise<Head> {
  const fence = () =>
    sql.begin(async (transaction) => {
      const head = await lockHead(transaction);
      if (head.fenced) return head;
      // Two clocks must be wrong to stamp the row ahead, for what is stamped later is ahead as well.
      const [clock] = await transaction<{ micros: bigint }[]>`
        SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8 AS micros`;
      const earlier = Math.min(nowMicros, Number(clock?.micros ?? nowMicros));
      const { batch, taken } = takeOverBatch(head, `fenced by ${by}`, earlier);
      if (!(await appendWithin(transaction, batch))) throw new Error('a locked head has moved');
      await transaction`UPDATE head SET fenced = true`;
      return { ...taken, fenced: true };
    });
  await leaveFork(sql);
  return unlessInDoubt(sql, fence);
}

/**
 * Lets the book be taken over again, by the first server that tries.
 *
 * @param sql as for `fenceBook`
 * @returns false if it was not fenced
 * @throws CommitInDoubt if it is not fenced on this node, but perhaps on another
 */
export async function unfenceBook(sql: Sql): Promise<boolean> {
  await leaveFork(sql);
  return unlessInDoubt(sql, async () => {
    const { count } = await sql`UPDATE head SET fenced = false WHERE fenced`;
    return count > 0;
  });
}
