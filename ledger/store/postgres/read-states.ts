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
  const rows = await sql<Row[]>`
    SELECT COALESCE(version, 0) AS version, COALESCE(seq, 0) AS seq,
           COALESCE(debits, 0) AS debits, COALESCE(credits, 0) AS credits,
           COALESCE(held_debits, 0) AS held_debits, COALESCE(held_credits, 0) AS held_credits
      FROM unnest(${numbersLiteral(bounds)}::int8[]) WITH ORDINALITY AS asked(bound, place)
     CROSS JOIN LATERAL version_at(${account}, ${asOf}, asked.bound)
     ORDER BY asked.place`;
  return rows.map((row) => stateFrom(account, row));
}

function stateFrom(account: bigint, row: Row): StateAt {
  const { version, debits, credits, held_debits: heldDebits, held_credits: heldCredits } = row;
  const totals = { version, debits, credits, heldDebits, heldCredits };
  return { seq: row.seq, state: accountState(account, totals) };
}
