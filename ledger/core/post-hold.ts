import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import type { Account } from './account.ts';
import { bookOf } from './account-id.ts';
import { must } from './assert.ts';
import { type Batch, move, reserve } from './batch.ts';
import { type Decision, rejected } from './decision.ts';
import { type Peer, RowKind } from './journal-row.ts';
import type { Original } from './original.ts';
import { judge, send } from './post-movement.ts';
import * as refusal from './refusal.ts';

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
  if (isDue(batch, found)) return Reason.HOLD_EXPIRED;
  if (amount > found.left) return Reason.HOLD_EXCEEDED;
  return { hold: found, ...partiesOfHold(batch, found) };
}

const ENDED: Partial<Record<RowKind, Reason>> = {
  [RowKind.release]: Reason.HOLD_RELEASED,
  [RowKind.expiry]: Reason.HOLD_EXPIRED,
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
  const freed = final ? held.left : amount;
  // What is captured was reserved: neither total nor limit can stand against it. It leaves the
  // held amounts first, in the same version as it is posted.
  const moved = captured(batch, found, amount, freed);
  if (moved === undefined) return rejected(RowKind.capture, Reason.OVERFLOW, request);
  held.left -= freed;
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
