import type { Account } from '../../../proto/gen/meridian/v1/account.ts';
import { type AccountRow, accountFrom } from '../account-row.ts';
import { numbersLiteral, textsLiteral } from './array-literal.ts';
import type { Fragment, Queries, Sql } from './connect.ts';
import type { Book } from '../../core/book.ts';
import { readSeen } from './read-position.ts';
import type { Seen } from '../stored-records.ts';

interface Row extends AccountRow {
  debits: bigint;
  credits: bigint;
  held_debits: bigint;
  held_credits: bigint;
  version: bigint;
}

/** The accounts among `ids` with their newest totals and settings, by id. */
export async function readAccounts(
  sql: Queries,
  book: Book,
  ids: readonly bigint[],
): Promise<Seen<Map<bigint, Account>>> {
  const { found, end } = await read(
    sql,
    book,
    sql`WHERE b.id = ANY(${numbersLiteral(ids)}::int8[])`,
  );
  return { found: new Map(found.map((account) => [account.id, account])), end };
}

/** The accounts that carry one of these external ids, in the order they were opened. */
export function readAccountsByExternalId(
  sql: Sql,
  book: Book,
  externalIds: readonly string[],
): Promise<Seen<Account[]>> {
  return read(sql, book, sql`WHERE b.external_id = ANY(${textsLiteral(externalIds)}::text[])`);
}

/** Accounts of callers in the order they were opened, after account `after`. */
export function listAccounts(
  sql: Sql,
  book: Book,
  after: bigint,
  limit: number,
): Promise<Seen<Account[]>> {
  return read(sql, book, sql`WHERE b.id > ${after} AND NOT b.transit ORDER BY b.id LIMIT ${limit}`);
}

/** True if there is such an account. */
export async function accountExists(sql: Sql, id: bigint): Promise<boolean> {
  const { count } = await sql`SELECT FROM account WHERE id = ${id}`;
  return count > 0;
}

/**
 * As the view `balance` has them. Totals are looked up for all of them at once, from the end of the
 * journal backwards; changes are few, and have an index of their own.
 */
async function read(sql: Queries, book: Book, which: Fragment): Promise<Seen<Account[]>> {
  const query = sql`
    WITH wanted AS MATERIALIZED (SELECT b.* FROM account b ${which})
    SELECT b.id, b.external_id, b.asset, a.scale,
           CASE WHEN c.flags IS NULL THEN b.min_balance ELSE c.min_balance END AS min_balance,
           CASE WHEN c.flags IS NULL THEN b.max_balance ELSE c.max_balance END AS max_balance,
           COALESCE(c.flags, 0) AS flags,
           CASE WHEN m.changed THEN m.metadata ELSE b.metadata END AS metadata,
           COALESCE(v.version, 0) AS version,
           COALESCE(v.debits, 0) AS debits, COALESCE(v.credits, 0) AS credits,
           COALESCE(v.held_debits, 0) AS held_debits, COALESCE(v.held_credits, 0) AS held_credits,
           (extract(epoch FROM b.opened_at) * 1000000)::int8 AS opened_micros
      FROM wanted b
      LEFT JOIN newest_versions(ARRAY(SELECT id FROM wanted)) v ON v.account = b.id
      LEFT JOIN asset a ON a.asset = b.asset
      LEFT JOIN LATERAL (
             SELECT account_flags AS flags, min_balance, max_balance
               FROM journal
              WHERE credit_account = b.id AND kind = 12 AND reason = 0
              ORDER BY seq DESC LIMIT 1) c ON true
      LEFT JOIN LATERAL (
             SELECT true AS changed, metadata
               FROM journal
              WHERE c.flags IS NOT NULL AND credit_account = b.id AND kind = 12 AND reason = 0
                AND options LIKE '{"change":"metadata"%'
              ORDER BY seq DESC LIMIT 1) m ON true`;
  const { found, end } = await readSeen<Row>(sql, query, sql`ORDER BY rows.id`);
  return { found: found.map((row) => currentFrom(row, book)), end };
}

function currentFrom(row: Row, book: Book): Account {
  const { debits, credits, version } = row;
  const held = { heldDebits: row.held_debits, heldCredits: row.held_credits };
  return accountFrom(row, { debits, credits, version, ...held }, book);
}
