import type { SettleLeg } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { type Account, AccountFlag } from '../account.ts';
import { bookOf } from '../account-id.ts';
import { assert, must } from '../assert.ts';
import { type Batch, EMPTY_ROW, move } from './batch.ts';
import { contradicts, hashAfterAll } from '../channel.ts';
import type * as command from './command.ts';
import type { CommandKind, Needs } from './command-kind.ts';
import { NO_DETAILS, RowKind } from '../journal-row.ts';
import { TOTAL_MAX } from '../limits.ts';
import { captureOptions } from '../validate/options.ts';
import { freeRest, holdAgain } from './post-hold.ts';
import { risesAbove } from './refusal.ts';
import { derivedId, settlementId } from '../transfer-id.ts';

/** Applies second legs, or refuses them one by one. */
function postSettlement(
  batch: Batch,
  { originBook, firstNumber, legs, hashBefore, captures }: command.SettleCommand,
): command.SettleOutcome {
  const channel = batch.channel(originBook);
  const inOrder = firstNumber === channel.applied + 1;
  const before = { through: firstNumber - 1, value: hashBefore ?? channel.appliedHash.value };
  const agrees = channel.diverged === null && !contradicts(before, channel.appliedHash);
  if (!inOrder || !agrees) {
    const { applied: appliedThrough } = channel;
    return { kind: 'settle', inOrder, agrees, appliedThrough, refusals: [] };
  }
  // A hash that is behind has to catch up first: see the leader.
  if (channel.appliedHash.through === channel.applied) {
    channel.appliedHash = hashAfterAll(channel.appliedHash, legs);
  }
  const refusals: { number: number; reason: Reason }[] = [];
  for (const leg of legs) {
    channel.applied += 1;
    const number = channel.applied;
    const transit = batch.transitAccount(originBook, batch.book, leg.asset);
    const credit = batch.account(leg.creditAccountId);
    const reason = creditRefusal(leg, credit, transit);
    const capture = captures?.get(number) ?? null;
    settleLeg(batch, { originBook, number, leg, reason, by: '', capture });
    if (reason !== Reason.UNSPECIFIED) refusals.push({ number, reason });
  }
  const { applied: appliedThrough } = channel;
  return { kind: 'settle', inOrder, agrees, appliedThrough, refusals };
}

/** A second leg, and what becomes of it. */
export interface JudgedLeg {
  readonly originBook: number;
  readonly number: number;
  readonly leg: SettleLeg;
  /** UNSPECIFIED: it is applied. */
  readonly reason: Reason;
  /** The operator who repairs; '' in normal operation. */
  readonly by: string;
  /** Kept for the origin, should it lose its row. */
  readonly capture: command.CaptureOf | null;
}

/** Writes the row of a second leg that has been judged. */
export function settleLeg(batch: Batch, judged: JudgedLeg): void {
  const { originBook, number, leg, reason, by, capture } = judged;
  const transit = batch.transitAccount(originBook, batch.book, leg.asset);
  const credit = batch.account(leg.creditAccountId);
  const posted = reason === Reason.UNSPECIFIED && credit !== undefined;
  const drawn = leg.reversalOf === '' ? null : { id: leg.reversalOf, left: null };
  const options = capture === null ? '' : captureOptions(capture);
  const isPlain = drawn === null && by === '' && options === '';
  batch.row({
    ...EMPTY_ROW,
    id: settlementId(originBook, leg.transferId),
    kind: RowKind.settlement,
    reason,
    debitAccount: transit.id,
    creditAccount: leg.creditAccountId,
    amount: leg.amount,
    entries: posted ? move(transit, credit, leg.amount) : null,
    peer: { book: originBook, account: leg.debitAccountId, number },
    originId: leg.transferId,
    code: leg.code,
    reference: leg.reference,
    metadata: leg.metadata,
    // What is left to be reversed is kept in the book that sent it.
    details: isPlain ? null : { ...NO_DETAILS, drawn, by, options },
  });
}

/** Why a second leg is refused: the payee's half of what a transfer is judged by. */
function creditRefusal(leg: SettleLeg, credit: Account | undefined, transit: Account): Reason {
  if (credit === undefined || credit.transit) return Reason.CREDIT_ACCOUNT_NOT_FOUND;
  if (credit.asset !== leg.asset) return Reason.ASSET_MISMATCH;
  if ((credit.flags & AccountFlag.closed) !== 0) return Reason.CREDIT_ACCOUNT_CLOSED;
  if ((credit.flags & AccountFlag.frozenIn) !== 0) return Reason.CREDIT_ACCOUNT_FROZEN;
  if (credit.credits + credit.heldCredits + leg.amount > TOTAL_MAX) return Reason.OVERFLOW;
  if (transit.debits + leg.amount > TOTAL_MAX) return Reason.OVERFLOW;
  if (risesAbove(credit, leg.amount)) return Reason.MAX_BALANCE_EXCEEDED;
  return Reason.UNSPECIFIED;
}

/**
 * Records the answers of another book: returns what it refused, and then frees what the final
 * captures that it applied have left of their holds.
 */
function postClose(
  batch: Batch,
  { peerBook, through, refused, finals, hash }: command.CloseCommand,
): command.CloseOutcome {
  const channel = batch.channel(peerBook);
  // The sender has compared what it was answered with what was sent.
  assert(through <= channel.sent, `leg ${through} is closed before it was sent`);
  for (const leg of refused) {
    // Already returned by a batch whose acknowledgement was lost on the way.
    if (leg.number <= channel.settled) continue;
    assert(leg.number <= through, `leg ${leg.number} is refused beyond ${through}`);
    returnLeg(batch, peerBook, leg);
  }
  for (const capture of finals) {
    if (capture.number <= channel.settled) continue;
    assert(capture.number <= through, `leg ${capture.number} is applied beyond ${through}`);
    freeRest(batch, capture);
  }
  if (through > channel.settled) {
    channel.settled = through;
    if (hash !== undefined) channel.settledHash = { through, value: hash };
  }
  return { kind: 'close', settledThrough: channel.settled };
}

/**
 * Gives the payer back what did not arrive; what a capture took is held again. No limit, freeze
 * or closing applies.
 */
export function returnLeg(
  batch: Batch,
  peerBook: number,
  refused: Omit<command.RefusedLeg, 'number'>,
): void {
  const { leg, reason, capture } = refused;
  const drawn = drawnBy(refused);
  const transit = batch.transitAccount(batch.book, peerBook, leg.asset);
  const payer = must(batch.account(leg.debitAccountId), 'the payer of a sent leg exists');
  const given =
    capture !== null
      ? holdAgain(batch, payer, capture, leg.amount)
      : drawn !== null
        ? giveBack(batch, drawn, leg.amount)
        : null;
  batch.row({
    ...EMPTY_ROW,
    id: derivedId('return', leg.transferId),
    kind: RowKind.return,
    reason,
    debitAccount: transit.id,
    creditAccount: payer.id,
    amount: leg.amount,
    entries: move(transit, payer, leg.amount),
    peer: { book: peerBook, account: leg.creditAccountId, number: null },
    originId: leg.transferId,
    code: leg.code,
    reference: leg.reference,
    metadata: leg.metadata,
    details: given === null ? null : { ...NO_DETAILS, drawn: given },
  });
}

/** Id of the row of the leg's own book that it drew on; null: none. */
function drawnBy({ leg, drawn }: Pick<command.RefusedLeg, 'leg' | 'drawn'>): string | null {
  if (drawn !== undefined || leg.reversalOf === '') return drawn ?? null;
  return settlementId(bookOf(leg.creditAccountId), leg.reversalOf);
}

/** A reversal that came back has reversed nothing: what it drew on can be reversed again. */
function giveBack(batch: Batch, id: string, amount: bigint): { id: string; left: bigint } {
  const original = must(batch.original(id), 'what a sent leg reverses exists');
  original.left += amount;
  return { id, left: original.left };
}

function addCloseNeeds(
  { accounts, originals }: Needs,
  { refused, finals }: command.CloseCommand,
): void {
  for (const one of refused) {
    accounts.push(one.leg.debitAccountId);
    const drawn = drawnBy(one);
    if (drawn !== null) originals.add(drawn);
    if (one.capture !== null) originals.add(one.capture.holdId);
  }
  for (const { holdId } of finals) originals.add(holdId);
}

export const settle: CommandKind<'settle'> = {
  rows: ({ legs }) => legs.length,
  addNeeds: ({ accounts }, { legs }) => {
    for (const { creditAccountId } of legs) accounts.push(creditAccountId);
  },
  post: postSettlement,
};

export const close: CommandKind<'close'> = {
  rows: ({ refused }) => refused.length,
  addNeeds: addCloseNeeds,
  post: postClose,
};
