import type { Sql } from './connect.ts';

/**
 * Makes every later commit of this primary one that only a copy of its own history can confirm.
 *
 * A copy of the old leader may have WAL beyond the fork, the position where this primary was
 * promoted. Postgres compares positions and not histories: it asks for WAL from the start of the
 * segment that its position is in, this primary serves the old timeline up to the fork, and the
 * copy reports its own position, which counts as a flush of everything before it here. Where the
 * segment of the copy starts beyond the fork, it is refused. So any position that a copy with
 * another history can report is within the segment of the fork, and cannot confirm commits in a later
 * segment. This holds for a copy that connects at any time, and for one that is connected already.
 *
 * The timeline 1 has no fork. Elsewhere it costs one switch of the segment for each term: up to
 * wal_segment_size that the copies receive.
 *
 * @param sql connection to a primary, through which or after which the commits are sent
 */
export async function leaveFork(sql: Sql): Promise<void> {
  await sql`
    SELECT CASE WHEN pg_walfile_name(pg_current_wal_insert_lsn()) NOT LIKE '00000001%'
                THEN pg_switch_wal() END`;
}
