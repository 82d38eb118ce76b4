import { RowKind } from '../core/journal-row.ts';
import type { Original } from '../core/original.ts';
import { idsLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';

interface Row {
  id: string;
  kind: RowKind;
  reason: number;
  debit_account: bigint | null;
  credit_account: bigint | null;
  peer_account: bigint | null;
  amount: bigint | null;
  expires_micros: bigint | null;
  drawn_id: string | null;
  drawn_kind: RowKind | null;
  drawn_left: bigint | null;
}

/**
 * Loads the rows among `ids` that captures, releases and reversals may name, and what is left
 * of each: one index step for a row and one for the newest that draws on it.
 */
export async function loadOriginals(sql: Sql, ids: readonly string[]): Promise<Original[]> {
  const rows = await sql<Row[]>`
    SELECT j.id, j.kind, j.reason, j.debit_account, j.credit_account, j.peer_account, j.amount,
           (extract(epoch FROM j.expires_at) * 1000000)::int8 AS expires_micros, j.drawn_id,
           d.kind AS drawn_kind, d.drawn_left
      FROM unnest(${idsLiteral(ids)}::uuid[]) AS wanted(id)
     CROSS JOIN LATERAL (SELECT * FROM journal WHERE journal.id = wanted.id OFFSET 0) j
      LEFT JOIN LATERAL (
             SELECT kind, drawn_left FROM journal
              WHERE drawn_id = j.id AND drawn_left IS NOT NULL
              ORDER BY seq DESC LIMIT 1) d ON true
     WHERE j.kind NOT IN (${RowKind.change}, ${RowKind.asset}, ${RowKind.account},
                          ${RowKind.takeOver}, ${RowKind.return}, ${RowKind.expiry})`;
  return rows.map((row) => {
    const settled = row.kind === RowKind.settlement;
    const left = row.drawn_left ?? row.amount ?? 0n;
    return {
      id: row.id,
      // A second leg that gives back is a reversal here too, and cannot be reversed.
      kind: settled && row.drawn_id !== null ? RowKind.reversal : row.kind,
      applied: row.reason === 0,
      debitAccountId: (settled ? row.peer_account : row.debit_account) ?? 0n,
      creditAccountId:
        (settled ? row.credit_account : (row.peer_account ?? row.credit_account)) ?? 0n,
      amount: row.amount ?? 0n,
      left,
      expiresAtMicros: row.expires_micros === null ? null : Number(row.expires_micros),
      endedBy: row.kind === RowKind.hold && left === 0n ? row.drawn_kind : null,
    };
  });
}
