import { idsLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';

/** A hold of which something is left. */
export interface OpenHold {
  readonly holdId: string;
  readonly debitAccountId: bigint;
  readonly creditAccountId: bigint;
  /** Minor units. */
  left: bigint;
  /** Of the payer. */
  readonly asset: string;
}

/** Those of these holds of which something is left. */
export async function readOpenHolds(sql: Sql, ids: readonly string[]): Promise<OpenHold[]> {
  if (ids.length === 0) return [];
  const rows = await sql<
    {
      hold_id: string;
      debit_account: bigint;
      payee: bigint;
      left_amount: bigint;
      asset: string;
    }[]
  >`
    SELECT h.hold_id, h.debit_account, h.payee, h.left_amount, a.asset
      FROM open_hold h JOIN account a ON a.id = h.debit_account
     WHERE h.hold_id = ANY(${idsLiteral(ids)}::uuid[])`;
  return rows.map((row) => ({
    holdId: row.hold_id,
    debitAccountId: row.debit_account,
    creditAccountId: row.payee,
    left: row.left_amount,
    asset: row.asset,
  }));
}
