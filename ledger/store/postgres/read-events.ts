import { type Event } from '../../../proto/gen/meridian/v1/event.ts';
import type { Queries } from './connect.ts';
import type { EventPage } from '../asked-pages.ts';
import { type EventRow, eventFrom } from '../stored-event.ts';

/**
 * Rows of the journal as events, in order of seq. Places have no gaps, so a page is a range of
 * them: a LIMIT was seen to make the planner sort all that follows. Data in other rows is looked
 * up by one index step each, and only where it is needed: the asset of the accounts, and
 * the transfer whose second leg a reversal draws on. An event is the same whenever it is read, so an
 * account that was opened after a transfer was rejected for want of it has no part in it.
 */
export async function readEvents(sql: Queries, book: number, page: EventPage): Promise<Event[]> {
  const { account, after, behind = null, through } = page;
  const last = after + page.limit;
  const journal =
    account === null
      ? sql`(SELECT * FROM journal WHERE seq > ${after} AND seq <= ${Math.min(last, through)})`
      : sql`(
      SELECT * FROM rows_of_account(${account}, ${after}, ${last}, NULL, false, ${page.limit}, ${behind})
       WHERE seq <= ${through})`;
  const rows = await sql<EventRow[]>`
    SELECT j.seq, j.epoch, j.id, j.kind, j.reason, j.debit_account, j.credit_account, j.amount,
           j.debit_version, j.debit_debits, j.debit_credits,
           COALESCE(j.debit_held_debits, 0) AS debit_held_debits,
           COALESCE(j.debit_held_credits, 0) AS debit_held_credits,
           j.credit_version, j.credit_debits, j.credit_credits,
           COALESCE(j.credit_held_debits, 0) AS credit_held_debits,
           COALESCE(j.credit_held_credits, 0) AS credit_held_credits,
           j.peer_account, j.origin_id, j.namespace, j.key,
           COALESCE(j.asset,
                    (SELECT asset FROM account WHERE id = j.debit_account AND opened_seq <= j.seq),
                    (SELECT asset FROM account WHERE id = j.credit_account AND opened_seq <= j.seq))
             AS asset,
           j.code, j.reference, j.metadata,
           CASE WHEN j.drawn_id IS NOT NULL
                THEN COALESCE(origin_of(j.drawn_id, j.seq), j.drawn_id) END AS drawn_id,
           j.drawn_left, j.group_id, j.options, j.changed_by,
           (extract(epoch FROM j.at) * 1000000)::int8 AS at_micros,
           (extract(epoch FROM j.expires_at) * 1000000)::int8 AS expires_micros
      FROM ${journal} j ORDER BY j.seq`;
  return rows.map((row) => eventFrom(row, book));
}
