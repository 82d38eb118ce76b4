import postgres from 'postgres';
import type { Queries, Sql } from './connect.ts';
import { END_COLUMNS, endFrom, type EndRow, type Seen } from './read-position.ts';

/**
 * Reads in a transaction whose statements may take so long each; one that takes longer throws
 * an error of isTimeUp. It sees one state of the book throughout, and where the journal ends in
 * it.
 *
 * @param ms 0: they may take as long as they do
 */
export async function withTimeLimit<T>(
  sql: Sql,
  ms: number,
  read: (sql: Queries) => Promise<T>,
): Promise<Seen<T>> {
  const result = await sql.begin(
    'ISOLATION LEVEL REPEATABLE READ READ ONLY',
    async (transaction): Promise<{ seen: Seen<T> }> => {
      // The first statement takes the snapshot of all of them. A book that was never led has no head.
      const [row] = await transaction<(EndRow | { end_book: null })[]>`
        SELECT ${transaction.unsafe(END_COLUMNS)}
          FROM (SELECT set_config('statement_timeout', ${String(ms)}, true)) AS limited
          LEFT JOIN head ON true`;
      const end = row === undefined || row.end_book === null ? undefined : endFrom(row);
      return { seen: { found: await read(transaction), end } };
    },
  );
  return result.seen;
}

/** True if a statement took longer than it may; it has changed nothing. */
export function isTimeUp(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === '57014';
}
