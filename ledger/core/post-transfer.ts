import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import type { Account } from './account.ts';
import { bookOf } from './account-id.ts';
import { must } from './assert.ts';
import { type Batch, move, reserve } from './batch.ts';
import type { TransferOutcome } from './command.ts';
import { type Entries, NO_DETAILS, type Peer, type RowDetails, RowKind } from './journal-row.ts';
import { TOTAL_MAX } from './limits.ts';
import { amountIsOpen, transferOptions } from './options.ts';
import { isReversible, type Original } from './original.ts';
import * as refusal from './refusal.ts';
import { settlementId } from './transfer-id.ts';

/** A transfer that is no group, and where it belongs. */
export interface Single {
  readonly id: string;
  readonly request: CreateTransferRequest;
  /** Null: it is not a leg. */
  readonly groupId: string | null;
}

/** What a transfer came to, before its row is written. */
interface Decision {
  readonly reason: Reason;
  readonly kind: RowKind;
  /** Null: left open by a request that was rejected. */
  readonly amount: bigint | null;
  readonly creditAccount: bigint | null;
  readonly entries: Entries | null;
  readonly peer: Peer | null;
  readonly drawn: RowDetails['drawn'];
  readonly expiresAtMicros: number | null;
}

/** Decides any transfer but a group, and writes its row. */
export function postSingle(batch: Batch, single: Single): TransferOutcome {
  return record(batch, single, decide(batch, single));
}

function decide(batch: Batch, { id, request }: Single): Decision {
  switch (request.action?.$case) {
    case undefined:
      return transfer(batch, request, RowKind.transfer, null);
    case 'hold':
      return makeHold(batch, id, request, request.action.value.timeoutSeconds);
    case 'capture':
      return capture(batch, request, request.action.value);
    case 'release':
      return release(batch, request, request.action.value.holdId);
    case 'reversal':
      return reverse(batch, request, request.action.value.transferId);
    case 'group':
      throw new TypeError('a group is not a single transfer');
  }
}

/** Writes the row of a decision. `kind` says what was asked, also if it was rejected. */
function record(batch: Batch, { id, request, groupId }: Single, made: Decision): TransferOutcome {
  const { reason, amount, expiresAtMicros, drawn, peer } = made;
  const options = transferOptions(request);
  const plain = options === '' && groupId === null;
  const seq = batch.row({
    id,
    kind: made.kind,
    reason,
    debitAccount: request.debitAccountId,
    creditAccount: made.creditAccount,
    amount,
    entries: made.entries,
    peer,
    originId: null,
    namespace: request.namespace,
    // A key that is the id itself is not stored twice.
    key: request.idempotencyKey === id ? '' : request.idempotencyKey,
    asset: request.asset,
    code: request.code,
    reference: request.reference,
    metadata: request.metadata,
    details: plain ? null : { ...NO_DETAILS, options, groupId, expiresAtMicros, drawn },
  });
  const channel =
    peer === null || peer.number === null ? null : { peerBook: peer.book, number: peer.number };
  if (options === '') return { kind: 'transfer', reason, seq, channel, details: null };
  const open = reason === Reason.UNSPECIFIED && amountIsOpen(request);
  const actualAmount = open ? (amount ?? 0n) : 0n;
  return {
    kind: 'transfer',
    reason,
    seq,
    channel,
    details: { actualAmount, expiresAtMicros, legs: null },
  };
}

/** A row without effect. */
export function rejected(
  kind: RowKind,
  reason: Reason,
  { amount, creditAccountId }: CreateTransferRequest,
): Decision {
  return {
    reason,
    kind,
    amount: amount === 0n ? null : amount,
    creditAccount: creditAccountId === 0n ? null : creditAccountId,
    entries: null,
    peer: null,
    drawn: null,
    expiresAtMicros: null,
  };
}

/** Writes the row of a leg that was not applied. */
export function rejectSingle(batch: Batch, single: Single, reason: Reason): TransferOutcome {
  const { request } = single;
  return record(batch, single, rejected(kindOf(request), reason, request));
}

function kindOf({ action }: CreateTransferRequest): RowKind {
  return action === undefined ? RowKind.transfer : RowKind[action.$case];
}

interface Judged extends refusal.FoundParties {
  readonly amount: bigint;
}

/** Everything that may stand against moving or holding an amount, in the order of `Reason`. */
function judge(batch: Batch, request: CreateTransferRequest): Reason | Judged {
  const peerBook = bookOf(request.creditAccountId);
  const away = peerBook !== batch.book;
  const found = refusal.findParties({
    debit: batch.account(request.debitAccountId),
    credit: away ? undefined : batch.account(request.creditAccountId),
    // A book that does not exist has no accounts.
    away: away && batch.hasBook(peerBook),
  });
  if (typeof found === 'number') return found;
  const amount = refusal.amountWithin(request, found);
  const reason =
    refusal.assetRefusal(batch, request.asset, found) ||
    refusal.flagRefusal(found) ||
    refusal.conditionRefusal(batch, request) ||
    refusal.amountRefusal(found, amount);
  return reason === Reason.UNSPECIFIED ? { ...found, amount } : reason;
}

/** A plain transfer, or the movement of a reversal. */
function transfer(
  batch: Batch,
  request: CreateTransferRequest,
  kind: RowKind,
  drawOn: Original | null,
): Decision {
  const judged = judge(batch, request);
  if (typeof judged === 'number') return rejected(kind, judged, request);
  const { debit, credit, amount } = judged;
  const drawn = drawOn === null ? null : { id: drawOn.id, left: drawOn.left - amount };
  const made = { reason: Reason.UNSPECIFIED, kind, amount, drawn, expiresAtMicros: null };
  if (credit !== null) {
    if (drawOn !== null) drawOn.left -= amount;
    const entries = move(debit, credit, amount);
    return { ...made, creditAccount: credit.id, entries, peer: null };
  }
  const sent = send(batch, debit, request.creditAccountId, amount);
  if (sent === undefined) return rejected(kind, Reason.OVERFLOW, request);
  if (drawOn !== null) drawOn.left -= amount;
  return { ...made, ...sent };
}

/**
 * The first leg of what goes to another book. Undefined: the transit account, which is opened
 * only now that the payer's side holds, cannot take it in.
 */
function send(
  batch: Batch,
  debit: Account,
  payee: bigint,
  amount: bigint,
): Pick<Decision, 'creditAccount' | 'entries' | 'peer'> | undefined {
  const peerBook = bookOf(payee);
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

function makeHold(
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

function capture(
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
  debit.heldDebits -= freed;
  if (credit !== null) {
    credit.heldCredits -= freed;
    return { creditAccount: credit.id, entries: move(debit, credit, amount), peer: null };
  }
  const sent = send(batch, debit, held.creditAccountId, amount);
  if (sent === undefined) debit.heldDebits += freed;
  return sent;
}

function release(batch: Batch, request: CreateTransferRequest, holdId: string): Decision {
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

function reverse(batch: Batch, request: CreateTransferRequest, transferId: string): Decision {
  const found = findReversible(batch, transferId, request);
  if (typeof found === 'number') return rejected(RowKind.reversal, found, request);
  const amount = request.amount === 0n ? found.left : request.amount;
  const made = transfer(batch, { ...request, amount }, RowKind.reversal, found);
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
  // The id of a second leg is no transfer's: what came from another book goes back there.
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
