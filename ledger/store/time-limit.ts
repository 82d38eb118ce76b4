import postgres from 'postgres';
import type { Queries, Sql } from './connect.ts';

/**
 * Reads in a transaction whose statements may take so long each; one that takes longer throws
 * an error of isTimeUp. It sees one state of the book throughout.
 */
export async function withTimeLimit<T>(
  sql: Sql,
  ms: number,
  read: (sql: Queries) => Promise<T>,
): Promise<T> {
  const result = await sql.begin(
    'ISOLATION LEVEL REPEATABLE READ READ ONLY',
    async (transaction) => {
      await transaction`SELECT set_config('statement_timeout', ${String(ms)}, true)`;
      return { value: await read(transaction) };
    },
  );
  return result.value;
}

/** True if a statement took longer than it may; it has changed nothing. */
export function isTimeUp(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === '57014';
}
