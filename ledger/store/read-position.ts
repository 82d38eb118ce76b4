import type { Position } from '../../proto/gen/meridian/v1/position.ts';
import type { Sql } from './connect.ts';

/** Where the journal of a copy ends. */
export interface CopyPosition extends Position {
  /** Address of the server that took the book over last, as far as this copy knows. */
  readonly leader: string;
  /** True: the copy follows a primary. */
  readonly standby: boolean;
}

/** Where the journal of this copy ends; undefined if the book was never led. */
export async function readPosition(sql: Sql): Promise<CopyPosition | undefined> {
  const [row] = await sql<CopyPosition[]>`
    SELECT book, epoch, seq, leader, pg_is_in_recovery() AS standby FROM head`;
  return row;
}
