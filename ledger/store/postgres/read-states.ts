import { accountState } from '../account-state.ts';
import { numbersLiteral } from './array-literal.ts';
import type { Queries } from './connect.ts';
import type { AsOf } from '../asked-pages.ts';
import type { StateAt } from '../stored-records.ts';

interface Row {
  version: bigint;
  seq: bigint;
  debits: bigint;
  credits: bigint;
  held_debits: bigint;
  held_credits: bigint;
}

const MEASURES: Readonly<Record<AsOf, string>> = {
  micros: '(extract(epoch FROM at) * 1000000)::int8',
  seq: 'seq',
  version: 'version',
};

/** The row of one version, whichever side the account is on: one step in each of two indexes. */
const rowOfVersion = (version: string) => `(
  SELECT seq, at, debit_version AS version, debit_debits AS debits, debit_credits AS credits,
         debit_held_debits AS held_debits, debit_held_credits AS held_credits
    FROM journal WHERE debit_account = $1::int8 AND debit_version = ${version}
   UNION ALL
  SELECT seq, at, credit_version, credit_debits, credit_credits,
         credit_held_debits, credit_held_credits
    FROM journal WHERE credit_account = $1::int8 AND credit_version = ${version}
   OFFSET 0)`;

/**
 * Totals of an account after the newest version at or before each bound, in the order of the
 * bounds. Versions, places and times grow together, so each is found by halving the versions:
 * some twenty index steps for a million of them, however long ago it was.
 */
export async function readStates(
  sql: Queries,
  account: bigint,
  asOf: AsOf,
  bounds: readonly bigint[],
): Promise<StateAt[]> {
  const rows = await sql.unsafe<Row[]>(
    `WITH RECURSIVE newest AS (
       SELECT GREATEST(
         (SELECT debit_version FROM journal
           WHERE debit_account = $1::int8 AND debit_version IS NOT NULL
           ORDER BY debit_version DESC LIMIT 1),
         (SELECT credit_version FROM journal
           WHERE credit_account = $1::int8 AND credit_version IS NOT NULL
           ORDER BY credit_version DESC LIMIT 1), 0) AS version
     ), halving AS (
       SELECT place, bound, 0::int8 AS low, newest.version AS high
         FROM newest, unnest($2::int8[]) WITH ORDINALITY AS asked(bound, place)
        UNION ALL
       SELECT place, bound, CASE WHEN fits THEN middle ELSE low END,
              CASE WHEN fits THEN high ELSE middle - 1 END
         FROM halving
        CROSS JOIN LATERAL (SELECT (low + high + 1) / 2 AS middle) m
        CROSS JOIN LATERAL (
               SELECT ${MEASURES[asOf]} <= bound AS fits FROM ${rowOfVersion('middle')} probe) p
        WHERE low < high
     )
     SELECT COALESCE(found.version, 0) AS version, COALESCE(found.seq, 0) AS seq,
            COALESCE(debits, 0) AS debits, COALESCE(credits, 0) AS credits,
            COALESCE(held_debits, 0) AS held_debits, COALESCE(held_credits, 0) AS held_credits
       FROM halving LEFT JOIN LATERAL ${rowOfVersion('low')} found ON true
      WHERE low = high ORDER BY place`,
    [account, numbersLiteral(bounds)],
  );
  return rows.map((row) => stateFrom(account, row));
}

function stateFrom(account: bigint, row: Row): StateAt {
  const { version, debits, credits, held_debits: heldDebits, held_credits: heldCredits } = row;
  const totals = { version, debits, credits, heldDebits, heldCredits };
  return { seq: row.seq, state: accountState(account, totals) };
}
