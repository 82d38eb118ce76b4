import type { Account } from '../../core/account.ts';
import { must } from '../../core/assert.ts';
import type { SeqBounds } from '../partition-store.ts';
import { numbersLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';

interface AccountRow {
  id: bigint;
  asset: string;
  transit: boolean;
  min_balance: bigint | null;
  max_balance: bigint | null;
  flags: number;
}

interface EntryRow {
  account: bigint;
  debits: bigint;
  credits: bigint;
  held_debits: bigint | null;
  held_credits: bigint | null;
  version: bigint;
}

/**
 * Loads what posting needs of the accounts that exist among `ids`.
 *
 * The newest entry of an account lies in the newest partition that has one. They are looked at in
 * that order, twice as many each time: most accounts that are used at all were used lately, and
 * for the others it is one index step for each side and partition.
 *
 * @param within the partitions that may have entries of them; undefined: all
 */
export async function loadAccounts(
  sql: Sql,
  ids: readonly bigint[],
  within?: readonly SeqBounds[],
): Promise<Account[]> {
  const rounds = within === undefined ? [EVERYWHERE] : roundsOf(within);
  const [first, ...older] = rounds;
  const [accounts, entries] = await Promise.all([
    readAccounts(sql, ids),
    first === undefined ? [] : readNewest(sql, ids, first),
  ]);
  const newest = new Map(entries.map((entry) => [entry.account, entry]));
  for (const bounds of older) {
    const missing = accounts.flatMap(({ id }) => (newest.has(id) ? [] : [id]));
    if (missing.length === 0) break;
    for (const entry of await readNewest(sql, missing, bounds)) newest.set(entry.account, entry);
  }
  return accounts.map((row) => accountFrom(row, newest.get(row.id)));
}

const EVERYWHERE: SeqBounds = { first: 1, end: Number.MAX_SAFE_INTEGER };

/** The newest partition, the two before it, the four before those, and so on. */
function roundsOf(within: readonly SeqBounds[]): SeqBounds[] {
  const rounds: SeqBounds[] = [];
  const newestFirst = within.toReversed();
  let from = 0;
  for (let count = 1; from < newestFirst.length; count *= 2) {
    const newest = must(newestFirst[from], 'it begins before the end');
    from = Math.min(from + count, newestFirst.length);
    const oldest = must(newestFirst[from - 1], 'a round has a partition');
    rounds.push({ first: oldest.first, end: newest.end });
  }
  return rounds;
}

/** With the settings of their newest changes. They are few, and have an index of their own. */
function readAccounts(sql: Sql, ids: readonly bigint[]) {
  return sql<AccountRow[]>`
    SELECT a.id, a.asset, a.transit, COALESCE(c.account_flags, 0) AS flags,
           CASE WHEN c.account_flags IS NULL THEN a.min_balance ELSE c.min_balance END AS min_balance,
           CASE WHEN c.account_flags IS NULL THEN a.max_balance ELSE c.max_balance END AS max_balance
      FROM account a
      LEFT JOIN (
             SELECT DISTINCT ON (credit_account) credit_account, account_flags, min_balance,
                    max_balance
               FROM journal
              WHERE credit_account = ANY(${numbersLiteral(ids)}::int8[])
                AND kind = 12 AND reason = 0
              ORDER BY credit_account, seq DESC) c ON c.credit_account = a.id
     WHERE a.id = ANY(${numbersLiteral(ids)}::int8[])`;
}

/** The newest entry of each account, of those between the bounds, which are those of partitions. */
function readNewest(sql: Sql, ids: readonly bigint[], { first, end }: SeqBounds) {
  return sql<EntryRow[]>`
    SELECT wanted.id AS account, e.*
      FROM unnest(${numbersLiteral(ids)}::int8[]) AS wanted(id)
     CROSS JOIN LATERAL (
      (SELECT debit_version AS version, debit_debits AS debits, debit_credits AS credits,
              debit_held_debits AS held_debits, debit_held_credits AS held_credits
         FROM journal
        WHERE debit_account = wanted.id AND debit_version IS NOT NULL
          AND seq >= ${first} AND seq < ${end}
        ORDER BY debit_version DESC LIMIT 1)
       UNION ALL
      (SELECT credit_version, credit_debits, credit_credits, credit_held_debits,
              credit_held_credits
         FROM journal
        WHERE credit_account = wanted.id AND credit_version IS NOT NULL
          AND seq >= ${first} AND seq < ${end}
        ORDER BY credit_version DESC LIMIT 1)
       ORDER BY version DESC LIMIT 1) e`;
}

function accountFrom(row: AccountRow, entry: EntryRow | undefined): Account {
  return {
    id: row.id,
    asset: row.asset,
    transit: row.transit,
    minBalance: row.min_balance,
    maxBalance: row.max_balance,
    debits: entry?.debits ?? 0n,
    credits: entry?.credits ?? 0n,
    heldDebits: entry?.held_debits ?? 0n,
    heldCredits: entry?.held_credits ?? 0n,
    version: Number(entry?.version ?? 0n),
    flags: row.flags,
  };
}

/** Ids of all transit accounts of the book, by external id. There are few. */
export async function loadTransitAccounts(sql: Sql): Promise<Map<string, bigint>> {
  const rows = await sql<{ external_id: string; id: bigint }[]>`
    SELECT external_id, id FROM account WHERE transit`;
  return new Map(rows.map((row) => [row.external_id, row.id]));
}
