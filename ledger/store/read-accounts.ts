import type { Account } from '../../proto/gen/meridian/v1/ledger.ts';
import { timestampFrom } from '../core/timestamp.ts';
import { numbersLiteral, textsLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';
import type { Book } from './head.ts';

interface Row {
  account: bigint;
  external_id: string;
  asset: string;
  min_balance: bigint | null;
  max_balance: bigint | null;
  metadata: Record<string, string> | null;
  debits: bigint;
  credits: bigint;
  balance: bigint;
  version: bigint;
  opened_micros: bigint;
}

/** The account with its newest totals; undefined if there is none. */
export async function readAccount(sql: Sql, book: Book, id: bigint): Promise<Account | undefined> {
  const rows = await sql<Row[]>`
    SELECT ${columns(sql)} FROM balance WHERE account = ANY(${numbersLiteral([id])}::int8[])`;
  return rows.map((row) => accountFrom(row, book))[0];
}

/** The accounts that carry one of these external ids, in no particular order. */
export async function readAccountsByExternalId(
  sql: Sql,
  book: Book,
  externalIds: readonly string[],
): Promise<Account[]> {
  const rows = await sql<Row[]>`
    SELECT ${columns(sql)} FROM balance
     WHERE external_id = ANY(${textsLiteral(externalIds)}::text[])`;
  return rows.map((row) => accountFrom(row, book));
}

/** Accounts of callers in the order they were opened, after account `after`. */
export async function listAccounts(
  sql: Sql,
  book: Book,
  after: bigint,
  limit: number,
): Promise<Account[]> {
  const rows = await sql<Row[]>`
    SELECT ${columns(sql)} FROM balance
     WHERE account > ${after} AND NOT transit ORDER BY account LIMIT ${limit}`;
  return rows.map((row) => accountFrom(row, book));
}

const columns = (sql: Sql) => sql`
  account, external_id, asset, min_balance, max_balance, metadata, debits, credits, balance,
  version, (extract(epoch FROM opened_at) * 1000000)::int8 AS opened_micros`;

function accountFrom(row: Row, book: Book): Account {
  const min = row.min_balance;
  const max = row.max_balance;
  return {
    id: row.account,
    externalId: row.external_id,
    homeRegion: book.region,
    book: book.name,
    asset: row.asset,
    minBalance: min ?? undefined,
    maxBalance: max ?? undefined,
    metadata: row.metadata ?? {},
    debits: row.debits,
    credits: row.credits,
    balance: row.balance,
    version: row.version,
    openedAt: timestampFrom(Number(row.opened_micros)),
  };
}
