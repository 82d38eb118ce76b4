import type { Leg } from '../../proto/gen/meridian/v1/movement.ts';
import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { type Transfer, TransferStatus } from '../../proto/gen/meridian/v1/transfer.ts';
import { RowKind } from '../core/journal-row.ts';
import { storedOptions } from '../core/validate/options.ts';
import type { TransferFields } from '../core/validate/same-request.ts';
import { timestampFrom } from '../core/timestamp.ts';

/** A transfer as the journal has it: of any kind that a request can ask for, or received. */
export interface StoredTransfer {
  /** As a look-up answers it. Of a group: with its legs. */
  readonly transfer: Transfer;
  /**
   * Exactly what was asked, for comparison with another request of the same key. Of a group:
   * with its legs.
   */
  readonly request: TransferFields;
  readonly kind: RowKind;
  /** True: an operator has booked it again as its leg is known elsewhere. */
  readonly recovered: boolean;
  /** Where its second leg went; null within one book, of a hold, or when rejected. */
  readonly channel: { readonly peerBook: number; readonly number: number } | null;
  /** Of a group: its legs, in order. Otherwise null. */
  readonly legs: readonly StoredTransfer[] | null;
}

/** A row that `TRANSFER_COLUMNS` selects. */
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

/** The newest row that draws on row `j`: a hold or a transfer that was reversed. */
const newestDrawn = (column: string) =>
  `(SELECT ${column} FROM journal d
     WHERE d.drawn_id = j.id AND d.drawn_left IS NOT NULL ORDER BY d.seq DESC LIMIT 1)`;

/** Why the money of row `j`, which went to another book, came back; null if it did not. */
const RETURN_REASON = `(SELECT r.reason FROM journal r
     WHERE r.origin_id = j.id AND r.kind = ${RowKind.return} LIMIT 1)`;

const WENT_AWAY = `j.channel_number IS NOT NULL AND j.kind <> ${RowKind.settlement}`;

/**
 * Status of the transfer of row `j`. It looks up other rows only where they can matter; so a
 * plain transfer within one book costs nothing.
 */
export const TRANSFER_STATUS = `CASE
  WHEN j.reason <> 0 THEN ${TransferStatus.REJECTED}
  WHEN j.kind = ${RowKind.release} THEN ${TransferStatus.RELEASED}
  WHEN j.kind = ${RowKind.hold} AND j.amount IS NULL THEN ${TransferStatus.CAPTURED}
  WHEN j.kind = ${RowKind.hold} THEN COALESCE(${newestDrawn(`CASE
    WHEN d.drawn_left > 0 THEN ${TransferStatus.HELD}
    WHEN d.kind IN (${RowKind.capture}, ${RowKind.rest}) THEN ${TransferStatus.CAPTURED}
    WHEN d.kind = ${RowKind.release} THEN ${TransferStatus.RELEASED}
    ELSE ${TransferStatus.EXPIRED} END`)}, ${TransferStatus.HELD})
  WHEN NOT (${WENT_AWAY}) THEN ${TransferStatus.POSTED}
  WHEN ${RETURN_REASON} IS NOT NULL THEN ${TransferStatus.RETURNED}
  WHEN j.channel_number > (SELECT c.settled FROM channel c WHERE c.peer_book = j.peer_book)
  THEN ${TransferStatus.IN_TRANSIT}
  ELSE ${TransferStatus.POSTED} END`;

/** The amount that can still be captured of a hold, or reversed of a transfer in this book. */
const LEFT = `CASE
  WHEN j.reason = 0 AND (j.kind = ${RowKind.hold} OR j.peer_book IS NULL AND
       j.kind IN (${RowKind.transfer}, ${RowKind.capture}))
  THEN COALESCE(${newestDrawn('d.drawn_left')}, j.amount, 0) ELSE 0 END`;

/** The captured amount of a hold, less what came back. */
const CAPTURED = `CASE WHEN j.reason = 0 AND j.kind = ${RowKind.hold} THEN (
  SELECT COALESCE(sum(c.amount), 0)::int8 FROM journal c
   WHERE c.drawn_id = j.id AND c.drawn_left IS NOT NULL AND c.kind = ${RowKind.capture}
     AND NOT EXISTS (SELECT 1 FROM journal r
          WHERE r.origin_id = c.id AND r.kind = ${RowKind.return})) ELSE 0 END`;

/** Everything that `storedTransfer` needs of row `j` of the journal. */
export const TRANSFER_COLUMNS = `
  j.id, j.kind, j.seq, j.epoch,
  CASE WHEN j.kind = ${RowKind.settlement} THEN j.peer_account ELSE j.debit_account END AS payer,
  CASE WHEN j.kind = ${RowKind.settlement} THEN j.credit_account
       ELSE COALESCE(j.peer_account, j.credit_account) END AS payee,
  j.amount, j.peer_book, j.channel_number, j.origin_id, j.drawn_id, j.namespace, j.key, j.asset, j.code,
  j.reference, j.metadata, j.group_id, j.options, j.changed_by,
  (extract(epoch FROM j.at) * 1000000)::int8 AS at_micros,
  (extract(epoch FROM j.expires_at) * 1000000)::int8 AS expires_micros,
  ${TRANSFER_STATUS} AS status,
  CASE WHEN ${WENT_AWAY} THEN COALESCE(${RETURN_REASON}, j.reason) ELSE j.reason END AS final_reason,
  ${LEFT} AS left_amount, ${CAPTURED} AS captured_amount`;

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
