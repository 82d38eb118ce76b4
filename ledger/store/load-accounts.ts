import type { Account } from '../core/account.ts';
import { numbersLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';

/** Loads what posting needs of the accounts that exist among `ids`: one query for all. */
export async function loadAccounts(sql: Sql, ids: readonly bigint[]): Promise<Account[]> {
  const rows = await sql`
    SELECT account, asset, transit, min_balance, max_balance, debits, credits, version
      FROM unnest(${numbersLiteral(ids)}::int8[]) AS wanted(id) JOIN balance ON account = wanted.id`;
  return rows.map((row) => ({
    id: row['account'] as bigint,
    asset: String(row['asset']),
    transit: row['transit'] === true,
    minBalance: row['min_balance'] as bigint | null,
    maxBalance: row['max_balance'] as bigint | null,
    debits: row['debits'] as bigint,
    credits: row['credits'] as bigint,
    version: Number(row['version']),
  }));
}

/** Ids of all transit accounts of the book, by external id. There are few. */
export async function loadTransitAccounts(sql: Sql): Promise<Map<string, bigint>> {
  const rows = await sql<{ external_id: string; id: bigint }[]>`
    SELECT external_id, id FROM account WHERE transit`;
  return new Map(rows.map((row) => [row.external_id, row.id]));
}
