import { type Reason, type Transfer, TransferStatus } from '../../proto/gen/meridian/v1/ledger.ts';
import { RowKind } from '../core/journal-row.ts';
import { timestampFrom } from '../core/timestamp.ts';
import { idsLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';

interface Row {
  id: string;
  seq: bigint;
  epoch: bigint;
  reason: Reason;
  debit_account: bigint;
  credit_account: bigint;
  amount: bigint;
  peer_book: number | null;
  channel_number: bigint | null;
  in_transit: boolean | null;
  return_reason: Reason | null;
  namespace: string | null;
  key: string | null;
  asset: string | null;
  code: number | null;
  reference: string | null;
  metadata: Record<string, string> | null;
  at_micros: bigint;
}

/** A transfer as the journal has it. */
export interface StoredTransfer {
  readonly transfer: Transfer;
  /** Where its second leg went; null within one book, or when rejected. */
  readonly channel: { readonly peerBook: number; readonly number: number } | null;
}

/**
 * What the journal says of the transfers among `ids`, by id: one query for all. OFFSET 0 keeps
 * the planner from anything but one index step for each id: with statistics that lag behind
 * the journal it was seen to compare every row with every id, which takes 40 s.
 */
export async function readTransfers(
  sql: Sql,
  book: number,
  ids: readonly string[],
): Promise<Map<string, StoredTransfer>> {
  const rows = await sql<Row[]>`
    SELECT j.id, j.seq, j.epoch, j.reason, j.debit_account, j.amount,
           COALESCE(j.peer_account, j.credit_account) AS credit_account,
           j.namespace, j.key, j.asset, j.code, j.reference, j.metadata,
           (extract(epoch FROM j.at) * 1000000)::int8 AS at_micros,
           j.peer_book, j.channel_number,
           j.channel_number > c.settled AS in_transit,
           r.reason AS return_reason
      FROM unnest(${idsLiteral(ids)}::uuid[]) AS wanted(id)
     CROSS JOIN LATERAL (SELECT * FROM journal WHERE journal.id = wanted.id OFFSET 0) j
      LEFT JOIN channel c ON c.peer_book = j.peer_book
      LEFT JOIN LATERAL (
             SELECT reason FROM journal
              WHERE origin_id = j.id AND kind = ${RowKind.return} OFFSET 0) r ON true
     WHERE j.kind = ${RowKind.transfer}`;
  return new Map(rows.map((row) => [row.id, storedFrom(row, book)]));
}

function storedFrom(row: Row, book: number): StoredTransfer {
  const number = row.channel_number;
  return {
    transfer: transferFrom(row, book),
    channel: number === null ? null : { peerBook: Number(row.peer_book), number: Number(number) },
  };
}

function transferFrom(row: Row, book: number): Transfer {
  const returned = row.return_reason !== null;
  const id = row.id;
  return {
    transferId: id,
    idempotencyKey: row.key ?? id,
    namespace: row.namespace ?? '',
    debitAccountId: row.debit_account,
    creditAccountId: row.credit_account,
    amount: row.amount,
    asset: row.asset ?? '',
    code: row.code ?? 0,
    reference: row.reference ?? '',
    metadata: row.metadata ?? {},
    status: returned
      ? TransferStatus.RETURNED
      : row.reason !== 0
        ? TransferStatus.REJECTED
        : row.in_transit
          ? TransferStatus.IN_TRANSIT
          : TransferStatus.POSTED,
    reason: row.return_reason ?? row.reason,
    position: { book, epoch: row.epoch, seq: row.seq },
    decidedAt: timestampFrom(Number(row.at_micros)),
  };
}
