import type { SettleLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { type Account, AccountFlag } from './account.ts';
import { bookOf } from './account-id.ts';
import { assert, must } from './assert.ts';
import { type Batch, EMPTY_ROW, move } from './batch.ts';
import type * as command from './command.ts';
import { NO_DETAILS, RowKind } from './journal-row.ts';
import { TOTAL_MAX } from './limits.ts';
import { freeRest, holdAgain } from './post-hold.ts';
import { risesAbove } from './refusal.ts';
import { derivedId, settlementId } from './transfer-id.ts';

/** Applies second legs, or refuses them one by one. */
export function postSettlement(
  batch: Batch,
  { originBook, firstNumber, legs }: command.SettleCommand,
): command.SettleOutcome {
  const channel = batch.channel(originBook);
  if (firstNumber !== channel.applied + 1) {
    return { kind: 'settle', inOrder: false, appliedThrough: channel.applied, refusals: [] };
  }
  const refusals: { number: number; reason: Reason }[] = [];
  for (const leg of legs) {
    channel.applied += 1;
    const number = channel.applied;
    const reason = settleLeg(batch, originBook, number, leg);
    if (reason !== Reason.UNSPECIFIED) refusals.push({ number, reason });
  }
  return { kind: 'settle', inOrder: true, appliedThrough: channel.applied, refusals };
}

function settleLeg(batch: Batch, originBook: number, number: number, leg: SettleLeg): Reason {
  const transit = batch.transitAccount(originBook, batch.book, leg.asset);
  const credit = batch.account(leg.creditAccountId);
  const reason = creditRefusal(leg, credit, transit);
  const posted = reason === Reason.UNSPECIFIED && credit !== undefined;
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
    details:
      leg.reversalOf === '' ? null : { ...NO_DETAILS, drawn: { id: leg.reversalOf, left: null } },
  });
  return reason;
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
 * Takes note of what another book has answered: returns what it refused, and then frees what
 * the final captures that it applied have left of their holds.
 */
export function postClose(
  batch: Batch,
  { peerBook, through, refused, finals }: command.CloseCommand,
): command.CloseOutcome {
  const channel = batch.channel(peerBook);
  assert(through <= channel.sent, `book ${peerBook} answered leg ${through}, never sent`);
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
  channel.settled = Math.max(channel.settled, through);
  return { kind: 'close', settledThrough: channel.settled };
}

/** Gives the payer back what the payee's book refused. No limit, freeze or closing applies. */
function returnLeg(
  batch: Batch,
  peerBook: number,
  { leg, reason, capture }: command.RefusedLeg,
): void {
  const transit = batch.transitAccount(batch.book, peerBook, leg.asset);
  const payer = must(batch.account(leg.debitAccountId), 'the payer of a sent leg exists');
  const drawn =
    capture !== null
      ? holdAgain(batch, payer, capture, leg.amount)
      : leg.reversalOf !== ''
        ? giveBack(batch, leg)
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
    details: drawn === null ? null : { ...NO_DETAILS, drawn },
  });
}

/** A reversal that came back has reversed nothing: what it drew on can be reversed again. */
function giveBack(batch: Batch, leg: SettleLeg): { id: string; left: bigint } {
  const id = reversedBy(leg);
  const original = must(batch.original(id), 'what a sent leg reverses exists');
  original.left += leg.amount;
  return { id, left: original.left };
}

/** Id of the row that the reversal draws on, in the book that sent it as its second leg. */
export function reversedBy({ creditAccountId, reversalOf }: SettleLeg): string {
  return settlementId(bookOf(creditAccountId), reversalOf);
}
