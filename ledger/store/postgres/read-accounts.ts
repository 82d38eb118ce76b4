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
    sql`WHERE b.account = ANY(${numbersLiteral(ids)}::int8[])`,
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
  return read(
    sql,
    book,
    sql`WHERE b.account > ${after} AND NOT b.transit ORDER BY b.account LIMIT ${limit}`,
  );
}

/** True if there is such an account. */
export async function accountExists(sql: Sql, id: bigint): Promise<boolean> {
  const { count } = await sql`SELECT FROM account WHERE id = ${id}`;
  return count > 0;
}

async function read(sql: Queries, book: Book, which: Fragment): Promise<Seen<Account[]>> {
  const query = sql`
    SELECT b.account AS id, b.external_id, b.asset, a.scale, b.min_balance, b.max_balance, b.flags,
           b.metadata, b.version, b.debits, b.credits, b.held_debits, b.held_credits,
           (extract(epoch FROM b.opened_at) * 1000000)::int8 AS opened_micros
      FROM balance b LEFT JOIN asset a ON a.asset = b.asset ${which}`;
  const { found, end } = await readSeen<Row>(sql, query, sql`ORDER BY rows.id`);
  return { found: found.map((row) => currentFrom(row, book)), end };
}

function currentFrom(row: Row, book: Book): Account {
  const { debits, credits, version } = row;
  const held = { heldDebits: row.held_debits, heldCredits: row.held_credits };
  return accountFrom(row, { debits, credits, version, ...held }, book);
}
