import type { Account } from '../../../proto/gen/meridian/v1/account.ts';
import { type AccountRow, accountFrom } from '../account-row.ts';
import type { Sql } from './connect.ts';
import type { Book } from '../../core/book.ts';
import { readStates } from './read-states.ts';
import type { AsOf } from '../asked-pages.ts';

interface Row extends AccountRow {
  opened_seq: bigint;
}

/**
 * The account with the totals and settings that it had at a time (microseconds since 1970) or
 * after a place in the journal; undefined if there was none yet. Every change of its settings
 * is a version, so the version that was newest then has the settings of that time. The kind of a
 * change stands in the statement as a number, so that the index of changes applies.
 *
 * @param through what comes after this place in the journal is left out
 */
export async function readAccountAt(
  sql: Sql,
  book: Book,
  id: bigint,
  asOf: Exclude<AsOf, 'version'>,
  bound: bigint,
  through: bigint,
): Promise<Account | undefined> {
  let [then] = await readStates(sql, id, asOf, [bound]);
  // Rare: of a time that the book had not reached when its position was taken.
  if (then !== undefined && then.seq > through) {
    [then] = await readStates(sql, id, 'seq', [through]);
  }
  if (then === undefined) return undefined;
  const [row] = await sql<Row[]>`
    SELECT a.id, a.external_id, a.asset, s.scale,
           CASE WHEN c.flags IS NULL THEN a.min_balance ELSE c.min_balance END AS min_balance,
           CASE WHEN c.flags IS NULL THEN a.max_balance ELSE c.max_balance END AS max_balance,
           COALESCE(c.flags, 0) AS flags,
           CASE WHEN m.changed THEN m.metadata ELSE a.metadata END AS metadata,
           (extract(epoch FROM a.opened_at) * 1000000)::int8 AS opened_micros, a.opened_seq
      FROM account a
      LEFT JOIN asset s ON s.asset = a.asset
      LEFT JOIN LATERAL (
             SELECT account_flags AS flags, min_balance, max_balance
               FROM journal
              WHERE credit_account = a.id AND kind = 12 AND reason = 0 AND seq <= ${then.seq}
              ORDER BY seq DESC LIMIT 1) c ON true
      LEFT JOIN LATERAL (
             SELECT true AS changed, metadata
               FROM journal
              WHERE credit_account = a.id AND kind = 12 AND reason = 0 AND seq <= ${then.seq}
                AND options LIKE '{"change":"metadata"%'
              ORDER BY seq DESC LIMIT 1) m ON true
     WHERE a.id = ${id}`;
  if (row === undefined || row.opened_seq > through) return undefined;
  const opened = asOf === 'seq' ? row.opened_seq : row.opened_micros;
  return opened > bound ? undefined : accountFrom(row, then.state, book);
}
