import { type Entry } from '../../../proto/gen/meridian/v1/query.ts';
import { RowKind } from '../../core/journal-row.ts';
import { numbersLiteral } from './array-literal.ts';
import type { Queries } from './connect.ts';
import { readSeen } from './read-position.ts';
import type { Seen } from '../stored-records.ts';
import type { EntryPage } from '../asked-pages.ts';
import { type EntryRow, MOVING, entryFrom } from '../stored-entry.ts';

/**
 * A page of an account's entries, by version, with the columns of the view `entry`.
 *
 * A row names what it draws on by the id of a row of this book; for a transfer that came from
 * another book that is its settlement, which names the transfer.
 */
export async function readEntries(
  sql: Queries,
  book: number,
  page: EntryPage,
): Promise<Seen<Entry[]>> {
  const { account, after, through, newestFirst, limit } = page;
  const order = newestFirst ? sql`DESC` : sql`ASC`;
  const kinds = page.movingOnly ? numbersLiteral(MOVING) : null;
  const query = sql`
    SELECT s.*, j.amount, COALESCE(j.origin_id, j.id) AS transfer_id, j.drawn_id, j.group_id,
           j.kind, j.seq, j.epoch, j.key, j.code, j.reference, j.metadata, j.changed_by,
           (extract(epoch FROM j.at) * 1000000)::int8 AS at_micros,
           CASE WHEN j.drawn_id IS NOT NULL THEN origin_of(j.drawn_id, j.seq) END AS origin_id
      FROM rows_of_account(${account}, ${after}, ${through}, ${kinds}::int2[], ${newestFirst},
                           ${limit}) j
     CROSS JOIN LATERAL (
            SELECT j.debit_version AS version, 'debit' AS side,
                   COALESCE(j.peer_account, j.credit_account) AS counterparty,
                   j.debit_debits AS debits_after, j.debit_credits AS credits_after,
                   j.debit_credits - j.debit_debits AS balance_after,
                   COALESCE(j.debit_held_debits, 0) AS held_debits_after,
                   COALESCE(j.debit_held_credits, 0) AS held_credits_after,
                   j.debit_credits - j.debit_debits - COALESCE(j.debit_held_debits, 0)
                     AS available_after
             WHERE j.debit_account = ${account} AND j.debit_version IS NOT NULL
             UNION ALL
            SELECT j.credit_version, CASE WHEN j.kind = ${RowKind.change} THEN 'none' ELSE 'credit' END,
                   COALESCE(j.peer_account, j.debit_account),
                   j.credit_debits, j.credit_credits, j.credit_credits - j.credit_debits,
                   COALESCE(j.credit_held_debits, 0), COALESCE(j.credit_held_credits, 0),
                   j.credit_credits - j.credit_debits - COALESCE(j.credit_held_debits, 0)
             WHERE j.credit_account = ${account} AND j.credit_version IS NOT NULL) s`;
  const { found, end } = await readSeen<EntryRow>(sql, query, sql`ORDER BY rows.version ${order}`);
  return { found: found.map((row) => entryFrom(row, book)), end };
}
