import type { RowKind } from '../../core/journal-row.ts';
import { derivedId } from '../../core/transfer-id.ts';
import type { Sql } from '../../store/postgres/connect.ts';

type Value = string | number | bigint | object | null;

/** Columns of the table `journal` by name, but for the place of the row. */
export interface UnnumberedColumns {
  readonly kind: RowKind;
  readonly id?: string;
  readonly [column: string]: Value | undefined;
}

/** Writes rows past the ledger, for states that are tedious to reach; no chain, no head. */
export async function insertRows(
  admin: Sql,
  rows: readonly (UnnumberedColumns & { readonly seq: number })[],
): Promise<void> {
  for (const row of rows) {
    const columns = {
      epoch: 1,
      id: derivedId('test', String(row.seq)),
      reason: 0,
      at: new Date(Date.UTC(2026, 0, 1) + row.seq * 1000).toISOString(),
      ...row,
    };
    await admin`INSERT INTO journal ${admin(columns)}`;
  }
}
