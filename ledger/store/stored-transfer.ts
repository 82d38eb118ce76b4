import type { Leg } from '../../proto/gen/meridian/v1/movement.ts';
import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { type Transfer, TransferStatus } from '../../proto/gen/meridian/v1/transfer.ts';
import { RowKind } from '../core/journal-row.ts';
import { storedOptions } from '../core/validate/options.ts';
import type { TransferFields } from '../core/validate/same-request.ts';
import { timestampFrom } from '../core/timestamp.ts';
import type { StoredTransfer } from './stored-records.ts';

/**
 * A row of the journal that records a transfer, by the names of its columns, and what follows from
 * others: its status, what is left of it and what was captured.
 */
export interface TransferRow {
  id: string;
  kind: RowKind;
  seq: bigint;
  epoch: bigint;
  payer: bigint | null;
  payee: bigint | null;
  amount: bigint | null;
  peer_book: number | null;
  channel_number: bigint | null;
  origin_id: string | null;
  drawn_id: string | null;
  namespace: string | null;
  key: string | null;
  asset: string | null;
  code: number | null;
  reference: string | null;
  metadata: Record<string, string> | null;
  group_id: string | null;
  options: string | null;
  changed_by: string | null;
  at_micros: bigint;
  expires_micros: bigint | null;
  status: TransferStatus;
  final_reason: Reason;
  left_amount: bigint;
  captured_amount: bigint;
}

/**
 * A transfer as this book reports it; one that it received from another book is reported as its
 * settlement records it. `legs` are those of a group, in order.
 */
export function storedTransfer(
  row: TransferRow,
  book: number,
  legs: readonly StoredTransfer[] | null,
): StoredTransfer {
  const request = requestOf(row, legs);
  const number = row.channel_number;
  return {
    transfer: transferFrom(row, book, request, legs),
    request,
    kind: row.kind,
    recovered:
      row.kind === RowKind.recovered || (row.kind === RowKind.capture && row.changed_by !== null),
    channel: number === null ? null : { peerBook: Number(row.peer_book), number: Number(number) },
    legs,
  };
}

function requestOf(row: TransferRow, legs: readonly StoredTransfer[] | null): TransferFields {
  const stored = storedOptions(row.options ?? '');
  const drawsOnHold = row.kind === RowKind.capture || row.kind === RowKind.release;
  return {
    debitAccountId: row.payer ?? 0n,
    creditAccountId: drawsOnHold ? 0n : (row.payee ?? 0n),
    amount: stored.amount ?? row.amount ?? 0n,
    asset: row.asset ?? '',
    code: row.code ?? 0,
    reference: row.reference ?? '',
    metadata: row.metadata ?? {},
    action: actionOf(row, stored.action, legs),
    upTo: stored.upTo,
    conditions: stored.conditions,
    allowZero: stored.allowZero,
    rest: stored.rest,
  };
}

function actionOf(
  { kind, drawn_id: drawnId }: TransferRow,
  stored: TransferFields['action'],
  legs: readonly StoredTransfer[] | null,
): TransferFields['action'] {
  if (legs !== null) return { $case: 'group', value: { legs: legs.map(legOf) } };
  if (kind !== RowKind.settlement) return stored;
  // A settlement has none of what was asked, except whether it belongs to a reversal. What it
  // captures is a matter of the payer's book.
  return drawnId === null ? undefined : { $case: 'reversal', value: { transferId: drawnId } };
}

/** The leg of a group as it was asked; a group within a group there never is. */
function legOf({ request }: StoredTransfer): Leg {
  const { action, rest = false } = request;
  return { ...request, rest, action: action?.$case === 'group' ? undefined : action };
}

function transferFrom(
  row: TransferRow,
  book: number,
  request: TransferFields,
  legs: readonly StoredTransfer[] | null,
): Transfer {
  const { id, amount, left_amount: left, captured_amount: capturedAmount } = row;
  const isHeld = row.kind === RowKind.hold && row.status !== TransferStatus.REJECTED;
  const expires = row.expires_micros;
  const keyless = row.group_id !== null || row.kind === RowKind.settlement;
  return {
    ...request,
    transferId: row.origin_id ?? id,
    idempotencyKey: keyless ? '' : (row.key ?? id),
    namespace: row.namespace ?? '',
    creditAccountId: row.payee ?? 0n,
    status: row.status,
    reason: row.final_reason,
    position: { book, epoch: row.epoch, seq: row.seq },
    decidedAt: timestampFrom(Number(row.at_micros)),
    action: legs === null ? request.action : { $case: 'group', value: { legs: [] } },
    actualAmount: row.status === TransferStatus.REJECTED ? 0n : (amount ?? 0n),
    left,
    capturedAmount,
    releasedAmount: isHeld ? (amount ?? 0n) - left - capturedAmount : 0n,
    rest: request.rest ?? false,
    expiresAt: expires === null ? undefined : timestampFrom(Number(expires)),
    groupId: row.group_id ?? '',
    legs: legs?.map(({ transfer }) => transfer) ?? [],
  };
}
