import type { Position } from '../../proto/gen/meridian/v1/position.ts';
import type { Sql } from './connect.ts';

/** Where the journal of this copy ends; undefined if the book was never led. */
export async function readPosition(sql: Sql): Promise<Position | undefined> {
  const [row] = await sql<Position[]>`SELECT book, epoch, seq FROM head`;
  return row === undefined ? undefined : { book: row.book, epoch: row.epoch, seq: row.seq };
}
