import type { Account } from '../../proto/gen/meridian/v1/account.ts';
import { type AccountRow, accountFrom } from './account-row.ts';
import { numbersLiteral, textsLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';
import type { Book } from './head.ts';

interface Row extends AccountRow {
  debits: bigint;
  credits: bigint;
  held_debits: bigint;
  held_credits: bigint;
  version: bigint;
}

/** The accounts among `ids` with their newest totals and settings, by id. */
export async function readAccounts(
  sql: Sql,
  book: Book,
  ids: readonly bigint[],
): Promise<Map<bigint, Account>> {
  const rows = await sql<Row[]>`
    SELECT ${columns(sql)} WHERE b.account = ANY(${numbersLiteral(ids)}::int8[])`;
  return new Map(rows.map((row) => [row.id, currentFrom(row, book)]));
}

/** The accounts that carry one of these external ids, in no particular order. */
export async function readAccountsByExternalId(
  sql: Sql,
  book: Book,
  externalIds: readonly string[],
): Promise<Account[]> {
  const rows = await sql<Row[]>`
    SELECT ${columns(sql)} WHERE b.external_id = ANY(${textsLiteral(externalIds)}::text[])`;
  return rows.map((row) => currentFrom(row, book));
}

/** Accounts of callers in the order they were opened, after account `after`. */
export async function listAccounts(
  sql: Sql,
  book: Book,
  after: bigint,
  limit: number,
): Promise<Account[]> {
  const rows = await sql<Row[]>`
    SELECT ${columns(sql)}
     WHERE b.account > ${after} AND NOT b.transit ORDER BY b.account LIMIT ${limit}`;
  return rows.map((row) => currentFrom(row, book));
}

const columns = (sql: Sql) => sql`
  b.account AS id, b.external_id, b.asset, a.scale, b.min_balance, b.max_balance, b.flags,
  b.metadata, b.version, b.debits, b.credits, b.held_debits, b.held_credits,
  (extract(epoch FROM b.opened_at) * 1000000)::int8 AS opened_micros
  FROM balance b LEFT JOIN asset a ON a.asset = b.asset`;

function currentFrom(row: Row, book: Book): Account {
  const { debits, credits, version } = row;
  const held = { heldDebits: row.held_debits, heldCredits: row.held_credits };
  return accountFrom(row, { debits, credits, version, ...held }, book);
}
