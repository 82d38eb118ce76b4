import { type Entry } from '../../../proto/gen/meridian/v1/query.ts';
import type { Queries } from './connect.ts';
import { readSeen } from './read-position.ts';
import type { Seen } from '../stored-records.ts';
import type { EntryPage } from '../asked-pages.ts';
import { type EntryRow, MOVING, entryFrom } from '../stored-entry.ts';

/**
 * A page of an account's entries, by version. Each side is read along its own index,
 * because the planner does not merge the two of the view and would sort all versions of a busy
 * account.
 *
 * A row names what it draws on by the id of a row of this book; for a transfer that came from
 * another book that is its settlement, which names the transfer.
 */
export async function readEntries(
  sql: Queries,
  book: number,
  page: EntryPage,
): Promise<Seen<Entry[]>> {
  const { account, after, through, limit } = page;
  const order = page.newestFirst ? sql`DESC` : sql`ASC`;
  const moving = page.movingOnly ? sql`AND kind IN (${sql.unsafe(MOVING.join(', '))})` : sql``;
  const query = sql`
    WITH page AS (
      (SELECT debit_version AS version FROM journal
        WHERE debit_account = ${account}
          AND debit_version > ${after} AND debit_version <= ${through} ${moving}
        ORDER BY debit_version ${order} LIMIT ${limit})
       UNION ALL
      (SELECT credit_version FROM journal
        WHERE credit_account = ${account}
          AND credit_version > ${after} AND credit_version <= ${through} ${moving}
        ORDER BY credit_version ${order} LIMIT ${limit})
       ORDER BY version ${order} LIMIT ${limit}
    )
    SELECT e.*, (extract(epoch FROM e.at) * 1000000)::int8 AS at_micros,
           (SELECT o.origin_id FROM journal o WHERE o.id = e.drawn_id) AS origin_id
      FROM page
     CROSS JOIN LATERAL (
            SELECT * FROM entry
             WHERE entry.account = ${account} AND entry.version = page.version OFFSET 0) e
     ORDER BY page.version ${order}`;
  const { found, end } = await readSeen<EntryRow>(sql, query, sql`ORDER BY rows.version ${order}`);
  return { found: found.map((row) => entryFrom(row, book)), end };
}
