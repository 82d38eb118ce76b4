import postgres from 'postgres';
import { must } from '../../core/assert.ts';
import type { Queries, Sql } from './connect.ts';
import { END_COLUMNS, endFrom, type EndRow } from './read-position.ts';
import type { Seen } from '../stored-records.ts';

/** How a read is given up while it runs. */
export interface GiveUp {
  readonly signal: AbortSignal;
  /** Another pool: in its own the reads that are given up could take every connection. */
  readonly through: Sql;
}

/**
 * Reads in a transaction whose statements may take this long each; one that takes longer throws
 * an error of isTimeUp. It sees one state of the book throughout, and where the journal ends in
 * it.
 *
 * @param ms 0: they may take as long as they do
 * @param giveUp when its signal is aborted, the statement that runs is cancelled
 */
export async function withTimeLimit<T>(
  sql: Sql,
  ms: number,
  read: (sql: Queries) => Promise<T>,
  giveUp?: GiveUp,
): Promise<Seen<T>> {
  const result = await sql.begin(
    'ISOLATION LEVEL REPEATABLE READ READ ONLY',
    async (transaction): Promise<{ seen: Seen<T> }> => {
      // The first statement takes the snapshot of all of them. A book that was never led has no head.
      const [first] = await transaction<((EndRow | { end_book: null }) & { pid: number })[]>`
        SELECT pg_backend_pid() AS pid, ${transaction.unsafe(END_COLUMNS)}
          FROM (SELECT set_config('statement_timeout', ${String(ms)}, true)) AS limited
          LEFT JOIN head ON true`;
      const row = must(first, 'a left join has a row');
      const end = row.end_book === null ? undefined : endFrom(row);
      giveUp?.signal.throwIfAborted();
      const stop = giveUp && cancelOnAbort(giveUp, row.pid);
      try {
        return { seen: { found: await read(transaction), end } };
      } finally {
        // After this the connection serves another read, which must not be cancelled.
        await stop?.();
      }
    },
  );
  return result.seen;
}

/** Cancels what a backend runs when the signal is aborted. Returns how to stop that. */
function cancelOnAbort({ signal, through }: GiveUp, pid: number): () => Promise<void> {
  let cancelled: Promise<unknown> | undefined;
  const cancel = () => {
    cancelled = through`SELECT pg_cancel_backend(${pid})`.catch(() => undefined);
  };
  signal.addEventListener('abort', cancel, { once: true });
  return async () => {
    signal.removeEventListener('abort', cancel);
    await cancelled;
  };
}

/** True if a statement took longer than it may; it has changed nothing. */
export function isTimeUp(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === '57014';
}
