import type { Fragment, Queries } from './connect.ts';
import type { CopyPosition, Seen } from '../stored-records.ts';

/**
 * The end of the journal as columns of another statement: one statement has one snapshot, and
 * between two of them there may be a commit.
 */
export interface EndRow {
  end_book: number;
  end_epoch: bigint;
  end_seq: bigint;
  end_leader: string;
  end_standby: boolean;
}

/** Columns that select `EndRow` from the table head. */
export const END_COLUMNS = `head.book AS end_book, head.epoch AS end_epoch, head.seq AS end_seq,
  head.leader AS end_leader, pg_is_in_recovery() AS end_standby`;

/** Where the journal ends, from any row of the statement. */
export function endFrom(row: EndRow | undefined): CopyPosition | undefined {
  if (row === undefined) return undefined;
  const { end_book: book, end_epoch: epoch, end_seq: seq } = row;
  return { book, epoch, seq, leader: row.end_leader, standby: row.end_standby };
}

/**
 * Runs a query and reads the end of the journal in its snapshot, in one statement.
 *
 * @param order of the rows, by columns of the query as those of `rows`
 */
export async function readSeen<Row extends object>(
  sql: Queries,
  query: Fragment,
  order: Fragment = sql``,
): Promise<Seen<Row[]>> {
  type Joined = Row & EndRow & { end_found: true | null };
  const rows = await sql<Joined[]>`
    SELECT ${sql.unsafe(END_COLUMNS)}, rows.*
      FROM head LEFT JOIN (SELECT true AS end_found, q.* FROM (${query}) q) rows ON true ${order}`;
  return { found: rows.filter((row) => row.end_found === true), end: endFrom(rows[0]) };
}

/** Where the journal of this copy ends; undefined if the book was never led. */
export async function readPosition(sql: Queries): Promise<CopyPosition | undefined> {
  const [row] = await sql<EndRow[]>`SELECT ${sql.unsafe(END_COLUMNS)} FROM head`;
  return endFrom(row);
}
