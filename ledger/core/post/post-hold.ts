import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { Account } from '../account.ts';
import { bookOf } from '../account-id.ts';
import { must } from '../assert.ts';
import { type Batch, EMPTY_ROW, move, reserve } from './batch.ts';
import type { CaptureOf, FinalCapture } from './command.ts';
import { type Decision, nothingMoved, rejected } from './decision.ts';
import { NO_DETAILS, type Peer, type RowDetails, RowKind } from '../journal-row.ts';
import { TOTAL_MAX } from '../limits.ts';
import type { Original } from '../original.ts';
import { judge, send } from './post-movement.ts';
import * as refusal from './refusal.ts';
import { derivedId } from '../transfer-id.ts';

/** Reserves an amount. */
export function postHold(
  batch: Batch,
  id: string,
  request: CreateTransferRequest,
  timeoutSeconds: number,
): Decision {
  const judged = judge(batch, request);
  if (typeof judged === 'number') return rejected(RowKind.hold, judged, request);
  const { debit, credit, amount } = judged;
  if (amount === 0n) return nothingMoved(RowKind.hold, request);
  const { debitAccountId, creditAccountId } = request;
  const expiresAtMicros = timeoutSeconds === 0 ? null : batch.atMicros + timeoutSeconds * 1_000_000;
  batch.addHold({
    id,
    kind: RowKind.hold,
    applied: true,
    debitAccountId,
    creditAccountId,
    amount,
    left: amount,
    expiresAtMicros,
    endedBy: null,
    closing: false,
  });
  return {
    reason: Reason.UNSPECIFIED,
    kind: RowKind.hold,
    amount,
    creditAccount: credit?.id ?? null,
    entries: reserve(debit, credit, amount),
    peer: awayPeer(credit, creditAccountId),
    drawn: null,
    expiresAtMicros,
  };
}

/** Where the payee of a hold is, if not in this book; nothing travels yet. */
function awayPeer(credit: Account | null, payee: bigint): Peer | null {
  return credit === null ? { book: bookOf(payee), account: payee, number: null } : null;
}

/** A hold that can be drawn on, with its accounts in this book. */
interface OpenHold extends refusal.FoundParties {
  readonly hold: Original;
}

function findHold(
  batch: Batch,
  holdId: string,
  { debitAccountId, amount }: CreateTransferRequest,
): Reason | OpenHold {
  const found = batch.original(holdId);
  if (found?.kind !== RowKind.hold || !found.applied) return Reason.HOLD_NOT_FOUND;
  if (found.debitAccountId !== debitAccountId) return Reason.HOLD_HAS_DIFFERENT_ACCOUNT;
  if (found.left === 0n) return ENDED[found.endedBy ?? RowKind.capture] ?? Reason.HOLD_CAPTURED;
  if (found.closing) return Reason.HOLD_CAPTURED;
  if (isDue(batch, found)) return Reason.HOLD_EXPIRED;
  if (amount > found.left) return Reason.HOLD_EXCEEDED;
  return { hold: found, ...partiesOfHold(batch, found) };
}

const ENDED: Partial<Record<RowKind, Reason>> = {
  [RowKind.release]: Reason.HOLD_RELEASED,
  [RowKind.expiry]: Reason.HOLD_EXPIRED,
  [RowKind.return]: Reason.HOLD_EXPIRED,
};

/** True if the time of a hold is up at the time of this batch. */
export function isDue({ atMicros }: Batch, { expiresAtMicros }: Original): boolean {
  return expiresAtMicros !== null && atMicros >= expiresAtMicros;
}

/** The accounts of a hold that was made, as far as they are in this book. */
export function partiesOfHold(batch: Batch, hold: Original): refusal.FoundParties {
  const { debitAccountId, creditAccountId } = hold;
  const debit = must(batch.account(debitAccountId), 'the payer of a hold exists');
  if (bookOf(creditAccountId) !== batch.book) return { debit, credit: null };
  return { debit, credit: must(batch.account(creditAccountId), 'the payee of a hold exists') };
}

/** Moves what a hold has reserved. */
export function postCapture(
  batch: Batch,
  request: CreateTransferRequest,
  { holdId, final }: { readonly holdId: string; readonly final: boolean },
): Decision {
  const found = findHold(batch, holdId, request);
  if (typeof found === 'number') return rejected(RowKind.capture, found, request);
  const { hold: held } = found;
  const reason =
    refusal.assetRefusal(batch, request.asset, found) ||
    refusal.flagRefusal(found) ||
    refusal.conditionRefusal(batch, request);
  if (reason !== Reason.UNSPECIFIED) return rejected(RowKind.capture, reason, request);
  const amount = request.amount === 0n ? held.left : request.amount;
  const away = found.credit === null;
  // Another book may refuse what goes there; then the hold must be as it was before.
  const freed = final && !away ? held.left : amount;
  // A captured amount was reserved: no limit can reject it. It leaves the held amounts
  // first, in the same version as it is posted.
  const moved = captured(batch, found, amount, freed);
  if (moved === undefined) return rejected(RowKind.capture, Reason.OVERFLOW, request);
  held.left -= freed;
  held.closing = final && away;
  if (held.left === 0n) held.endedBy = RowKind.capture;
  return {
    reason: Reason.UNSPECIFIED,
    kind: RowKind.capture,
    amount,
    drawn: { id: held.id, left: held.left },
    expiresAtMicros: null,
    ...moved,
  };
}

function captured(
  batch: Batch,
  { hold: held, debit, credit }: OpenHold,
  amount: bigint,
  freed: bigint,
): Pick<Decision, 'creditAccount' | 'entries' | 'peer'> | undefined {
  // The total rises above what holds were judged by when captures come back and are made again.
  if (debit.debits + debit.heldDebits > TOTAL_MAX) return undefined;
  if (credit === null) batch.requireAgreed(bookOf(held.creditAccountId));
  debit.heldDebits -= freed;
  if (credit !== null) {
    credit.heldCredits -= freed;
    return { creditAccount: credit.id, entries: move(debit, credit, amount), peer: null };
  }
  const sent = send(batch, debit, held.creditAccountId, amount);
  if (sent === undefined) debit.heldDebits += freed;
  return sent;
}

/** Frees all that is left of a hold. */
export function postRelease(
  batch: Batch,
  request: CreateTransferRequest,
  holdId: string,
): Decision {
  const found = findHold(batch, holdId, request);
  if (typeof found === 'number') return rejected(RowKind.release, found, request);
  const reason =
    refusal.assetRefusal(batch, request.asset, found) || refusal.conditionRefusal(batch, request);
  if (reason !== Reason.UNSPECIFIED) return rejected(RowKind.release, reason, request);
  return {
    reason: Reason.UNSPECIFIED,
    kind: RowKind.release,
    ...free(found, RowKind.release),
    expiresAtMicros: null,
  };
}

/** Ends a hold: what is left of it is free again. */
export function free(
  { hold: held, debit, credit }: OpenHold,
  endedBy: RowKind,
): Pick<Decision, 'amount' | 'creditAccount' | 'entries' | 'peer' | 'drawn'> {
  const amount = held.left;
  held.left = 0n;
  held.endedBy = endedBy;
  return {
    amount,
    creditAccount: credit?.id ?? null,
    entries: reserve(debit, credit, -amount),
    peer: awayPeer(credit, held.creditAccountId),
    drawn: { id: held.id, left: 0n },
  };
}

/**
 * The payee's book has applied a final capture: what that left of its hold is free. Nothing may
 * be left, or have expired meanwhile.
 */
export function freeRest(batch: Batch, { transferId, holdId }: FinalCapture): void {
  const hold = must(batch.original(holdId), 'the hold of a sent capture exists');
  hold.closing = false;
  if (hold.left === 0n) return;
  const { drawn, ...freed } = free({ hold, ...partiesOfHold(batch, hold) }, RowKind.rest);
  batch.row({
    ...EMPTY_ROW,
    ...freed,
    id: derivedId('rest', transferId),
    kind: RowKind.rest,
    debitAccount: hold.debitAccountId,
    originId: transferId,
    details: { ...NO_DETAILS, drawn },
  });
}

/**
 * A capture that came back has captured nothing: its amount, which the payer has back, is held
 * again, unless the hold has ended otherwise meanwhile. A hold that was released stays so, and
 * one whose time is up expires: then the amount is free.
 *
 * @param payer has the amount back already
 * @returns what the row of the return draws on; null if it leaves the hold as it is
 */
export function holdAgain(
  batch: Batch,
  payer: Account,
  { holdId, final }: CaptureOf,
  amount: bigint,
): RowDetails['drawn'] {
  const hold = must(batch.original(holdId), 'the hold of a sent capture exists');
  // No capture follows a final one, so that of a hold is the last to be answered.
  if (final) hold.closing = false;
  const goesOn = hold.left > 0n || hold.endedBy === RowKind.capture;
  if (isDue(batch, hold)) {
    if (hold.left > 0n || !goesOn) return null;
    hold.endedBy = RowKind.return;
    return { id: holdId, left: 0n };
  }
  if (!goesOn) return null;
  payer.heldDebits += amount;
  hold.left += amount;
  hold.endedBy = null;
  return { id: holdId, left: hold.left };
}
