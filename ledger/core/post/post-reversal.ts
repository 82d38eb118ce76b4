import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { bookOf } from '../account-id.ts';
import type { Batch } from './batch.ts';
import { type Decision, rejected } from './decision.ts';
import { RowKind } from '../journal-row.ts';
import { isReversible, type Original } from '../original.ts';
import { postMovement } from './post-movement.ts';
import { settlementId } from '../transfer-id.ts';

/** Moves money of an earlier transfer back. */
export function postReversal(
  batch: Batch,
  request: CreateTransferRequest,
  transferId: string,
): Decision {
  const found = findReversible(batch, transferId, request);
  if (typeof found === 'number') return rejected(RowKind.reversal, found, request);
  const amount = request.amount === 0n ? found.left : request.amount;
  const made = postMovement(batch, { ...request, amount }, RowKind.reversal, found);
  // A rejected row keeps the amount as it was asked.
  return made.reason === Reason.UNSPECIFIED
    ? made
    : rejected(RowKind.reversal, made.reason, request);
}

function findReversible(
  batch: Batch,
  transferId: string,
  { debitAccountId, creditAccountId, amount }: CreateTransferRequest,
): Reason | Original {
  const found = batch.original(reversedRowId(batch.book, transferId, creditAccountId));
  if (found === undefined) return Reason.TRANSFER_NOT_FOUND;
  // The id of a second leg names no transfer: money from another book goes back there.
  const arrived = found.kind !== RowKind.group && bookOf(found.debitAccountId) !== batch.book;
  if (arrived !== (bookOf(creditAccountId) !== batch.book)) return Reason.TRANSFER_NOT_FOUND;
  const received = bookOf(found.creditAccountId) === batch.book;
  if (!isReversible(found) || !received) return Reason.TRANSFER_NOT_REVERSIBLE;
  if (found.debitAccountId !== creditAccountId || found.creditAccountId !== debitAccountId) {
    return Reason.TRANSFER_HAS_DIFFERENT_ACCOUNTS;
  }
  return amount > found.left || found.left === 0n ? Reason.REVERSAL_EXCEEDED : found;
}

/**
 * Id of the row by which a book received what is to be reversed: that of the transfer, or of
 * its second leg if the payer is in another book.
 */
export function reversedRowId(book: number, transferId: string, payer: bigint): string {
  const origin = bookOf(payer);
  return origin === book ? transferId : settlementId(origin, transferId);
}
