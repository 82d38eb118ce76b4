import { RowKind } from '../core/journal-row.ts';
import type { AuditSql } from './read-book.ts';
import { isFinalCapture, type ReversedRow, type ReversedRows } from './reversals.ts';

interface StoredReversed {
  readonly id: string;
  readonly seq: bigint;
  readonly kind: RowKind;
  readonly reason: number;
  readonly debit_account: bigint | null;
  readonly credit_account: bigint | null;
  readonly amount: bigint | null;
  readonly peer_book: number | null;
  readonly peer_account: bigint | null;
  readonly origin_id: string | null;
  readonly drawn_id: string | null;
  readonly drawn_left: bigint | null;
  readonly drawn_kind: RowKind | null;
  readonly options: string | null;
  readonly expires_micros: bigint | null;
}

/** The rows of these ids and the holds of captures among them, with what was left of each before the row `beforeSeq`. */
export async function readReversed(
  sql: AuditSql,
  ids: readonly string[],
  beforeSeq: number,
): Promise<ReversedRows> {
  if (ids.length === 0) return new Map();
  // A query of its own: a condition on these or those ids makes the database read all of the journal.
  const holds = await sql<{ id: string }[]>`
    SELECT drawn_id AS id FROM journal
     WHERE id = ANY(${[...ids]}::uuid[]) AND kind = ${RowKind.capture} AND drawn_id IS NOT NULL`;
  const wanted = [...new Set([...ids, ...holds.map(({ id }) => id)])];
  const rows = await sql<StoredReversed[]>`
    SELECT o.id, o.seq, o.kind, o.reason, o.debit_account, o.credit_account, o.amount,
           o.peer_book, o.peer_account, o.origin_id, o.drawn_id, d.drawn_left,
           d.kind AS drawn_kind, o.options,
           (extract(epoch FROM o.expires_at) * 1000000)::int8 AS expires_micros
      FROM journal o
      LEFT JOIN LATERAL (
        SELECT j.drawn_left, j.kind FROM journal j
         WHERE j.drawn_id = o.id AND j.drawn_left IS NOT NULL AND j.seq < ${beforeSeq}
         ORDER BY j.seq DESC LIMIT 1
      ) d ON true
     WHERE o.id = ANY(${wanted}::uuid[])`;
  return new Map(rows.map((row) => [row.id, reversedFrom(row)]));
}

function reversedFrom(stored: StoredReversed): ReversedRow {
  const { peer_book: book, peer_account: account } = stored;
  const amount = stored.amount ?? 0n;
  return {
    seq: Number(stored.seq),
    kind: stored.kind,
    reason: stored.reason,
    debitAccount: stored.debit_account,
    creditAccount: stored.credit_account,
    amount,
    peer: book === null || account === null ? null : { book, account },
    originId: stored.origin_id,
    reverses: stored.drawn_id !== null,
    left: stored.drawn_left ?? amount,
    drawnId: stored.drawn_id,
    final: isFinalCapture(stored.options ?? ''),
    expiresAtMicros: stored.expires_micros === null ? null : Number(stored.expires_micros),
    endedBy: stored.drawn_left === 0n ? stored.drawn_kind : null,
  };
}
