import type { Account } from '../core/account.ts';
import { numbersLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';

interface Row {
  account: bigint;
  asset: string;
  transit: boolean;
  min_balance: bigint | null;
  max_balance: bigint | null;
  debits: bigint;
  credits: bigint;
  held_debits: bigint;
  held_credits: bigint;
  version: bigint;
  flags: number;
}

/** Loads what posting needs of the accounts that exist among `ids`: one query for all. */
export async function loadAccounts(sql: Sql, ids: readonly bigint[]): Promise<Account[]> {
  const rows = await sql<Row[]>`
    SELECT account, asset, transit, min_balance, max_balance, debits, credits,
           held_debits, held_credits, version, flags
      FROM unnest(${numbersLiteral(ids)}::int8[]) AS wanted(id) JOIN balance ON account = wanted.id`;
  return rows.map((row) => ({
    id: row.account,
    asset: row.asset,
    transit: row.transit,
    minBalance: row.min_balance,
    maxBalance: row.max_balance,
    debits: row.debits,
    credits: row.credits,
    heldDebits: row.held_debits,
    heldCredits: row.held_credits,
    version: Number(row.version),
    flags: row.flags,
  }));
}

/** Ids of all transit accounts of the book, by external id. There are few. */
export async function loadTransitAccounts(sql: Sql): Promise<Map<string, bigint>> {
  const rows = await sql<{ external_id: string; id: bigint }[]>`
    SELECT external_id, id FROM account WHERE transit`;
  return new Map(rows.map((row) => [row.external_id, row.id]));
}
