import type { Position } from '../../proto/gen/meridian/v1/position.ts';
import { type Reason, reasonToJSON } from '../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  TransferStatus,
  transferStatusToJSON,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { amountText, type Unit } from './values/amount.ts';
import { instantText } from './values/instant.ts';

/** What the answer to a transfer, of whatever kind, means, for people. */
export function describeOutcome(
  request: CreateTransferRequest,
  response: CreateTransferResponse,
  unit: Unit,
): string {
  const { transferId, position, actualAmount, dryRun } = response;
  const amount = actualAmount > 0n ? actualAmount : request.amount;
  const what = amount > 0n ? ` ${amountText(amount, unit)}` : '';
  const expiry = response.expiresAt ? ` until ${instantText(response.expiresAt)}` : '';
  const why = whyText(response);
  const words: Record<number, string> = {
    [TransferStatus.POSTED]: `posted${what}`,
    [TransferStatus.IN_TRANSIT]: `in transit${what}: the payer is debited, the payee's book has yet to answer`,
    [TransferStatus.REJECTED]: `rejected (${why}); nothing was moved`,
    [TransferStatus.RETURNED]: `returned (${why}); the payer has the money back`,
    [TransferStatus.HELD]: `held${what}${expiry}`,
    [TransferStatus.RELEASED]: `released${what}`,
  };
  const again = againText(response);
  const place = position && !dryRun ? ` at ${placeText(position)}` : '';
  const outcome = words[response.status] ?? statusText(response.status);
  return `${dryText(dryRun)}${outcome}${again}\ntransfer ${transferId}${place}`;
}

/** What stands behind an outcome that is not new; '' behind any other. */
export function againText({
  replayed,
  resent,
}: Pick<CreateTransferResponse, 'replayed' | 'resent'>): string {
  if (!replayed) return '';
  // A router that sent it twice cannot know whether an earlier call was first.
  return resent === true ? ', as answered before or by this call' : ', as answered before';
}

/** What stands before the outcome of a dry run; '' before any other. */
export function dryText(dryRun: boolean): string {
  return dryRun ? 'dry run, nothing is written: ' : '';
}

/** True for an outcome that is a refusal. */
export function isRefusal(status: TransferStatus): boolean {
  return status === TransferStatus.REJECTED || status === TransferStatus.RETURNED;
}

/** Such as "in transit". */
export function statusText(status: TransferStatus): string {
  return wordsOf(transferStatusToJSON(status), 'TRANSFER_STATUS_');
}

/** The reason of a refusal and the field that differs, such as "insufficient_funds". */
export function whyText(refused: { reason: Reason; differingField: string }): string {
  const reason = reasonText(refused.reason);
  return refused.differingField ? `${reason}: ${refused.differingField} differs` : reason;
}

/** As the proto names it, such as "insufficient_funds"; '' if there is none. */
export function reasonText(reason: Reason): string {
  return reason === 0 ? '' : reasonToJSON(reason).replace('REASON_', '').toLowerCase();
}

/** The name of an enum's value for people. */
export function wordsOf(name: string, prefix: string): string {
  return name.replace(prefix, '').toLowerCase().replaceAll('_', ' ');
}

/** BOOK/EPOCH/SEQ. */
export function placeText({ book, epoch, seq }: Position): string {
  return `${book}/${epoch}/${seq}`;
}
