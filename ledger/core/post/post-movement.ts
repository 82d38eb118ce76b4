import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { Account } from '../account.ts';
import { bookOf } from '../account-id.ts';
import { type Batch, move } from './batch.ts';
import { type Decision, nothingMoved, rejected } from './decision.ts';
import type { RowKind } from '../journal-row.ts';
import { TOTAL_MAX } from '../limits.ts';
import type { Original } from '../original.ts';
import * as refusal from './refusal.ts';

export interface Judged extends refusal.FoundParties {
  /** Zero: nothing is moved or held, as the request allows. */
  readonly amount: bigint;
}

/** Everything that may stand against moving or holding an amount, in the order of `Reason`. */
export function judge(batch: Batch, request: CreateTransferRequest): Reason | Judged {
  const peerBook = bookOf(request.creditAccountId);
  const away = peerBook !== batch.book;
  const found = refusal.findParties({
    debit: batch.account(request.debitAccountId),
    credit: away ? undefined : batch.account(request.creditAccountId),
    // A book that does not exist has no accounts.
    away: away && batch.hasBook(peerBook),
  });
  if (typeof found === 'number') return found;
  const within = refusal.amountWithin(request, found);
  const nothing = request.allowZero && within <= 0n;
  const amount = nothing ? 0n : within;
  const reason =
    refusal.assetRefusal(batch, request.asset, found) ||
    refusal.flagRefusal(found) ||
    refusal.conditionRefusal(batch, request) ||
    (nothing ? Reason.UNSPECIFIED : refusal.amountRefusal(found, amount));
  return reason === Reason.UNSPECIFIED ? { ...found, amount } : reason;
}

/** A plain transfer, or the movement of a reversal. */
export function postMovement(
  batch: Batch,
  request: CreateTransferRequest,
  kind: RowKind,
  drawOn: Original | null,
): Decision {
  const judged = judge(batch, request);
  if (typeof judged === 'number') return rejected(kind, judged, request);
  const { debit, credit, amount } = judged;
  if (amount === 0n) return nothingMoved(kind, request);
  const sent =
    credit === null
      ? send(batch, debit, request.creditAccountId, amount)
      : { creditAccount: credit.id, entries: move(debit, credit, amount), peer: null };
  if (sent === undefined) return rejected(kind, Reason.OVERFLOW, request);
  if (drawOn !== null) drawOn.left -= amount;
  // Most rows are made here: no field is copied twice.
  return {
    reason: Reason.UNSPECIFIED,
    kind,
    amount,
    creditAccount: sent.creditAccount,
    entries: sent.entries,
    peer: sent.peer,
    drawn: drawOn === null ? null : { id: drawOn.id, left: drawOn.left },
    expiresAtMicros: null,
  };
}

/**
 * The first leg of what goes to another book. Undefined: the transit account, which is opened
 * only now that the payer's side holds, cannot take it in.
 *
 * @throws ChannelDiverged before anything is changed
 */
export function send(
  batch: Batch,
  debit: Account,
  payee: bigint,
  amount: bigint,
): Pick<Decision, 'creditAccount' | 'entries' | 'peer'> | undefined {
  const peerBook = bookOf(payee);
  batch.requireAgreed(peerBook);
  const transit = batch.transitAccount(batch.book, peerBook, debit.asset);
  if (transit.credits + amount > TOTAL_MAX) return undefined;
  const channel = batch.channel(peerBook);
  channel.sent += 1;
  return {
    creditAccount: transit.id,
    entries: move(debit, transit, amount),
    peer: { book: peerBook, account: payee, number: channel.sent },
  };
}
