import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { accountNumberOf } from '../account-id.ts';
import { assert, must } from '../assert.ts';
import { type Batch, EMPTY_ROW, move } from './batch.ts';
import { hashAfter } from '../channel.ts';
import type * as command from './command.ts';
import type { CommandKind, Needs } from './command-kind.ts';
import { NO_DETAILS, type RowDetails, RowKind } from '../journal-row.ts';
import { captureOptions, transferOptions } from '../validate/options.ts';
import { isDue } from './post-hold.ts';
import { reversedRowId } from './post-reversal.ts';
import { returnLeg, settleLeg } from './post-settlement.ts';
import { derivedId } from '../transfer-id.ts';

/** Asset of the placeholders between lost accounts: no money is ever in them. */
const NO_ASSET = 'XXX';

const DONE: command.ChannelOutcome = { kind: 'channel' };

/** Halts a channel, or lets it go on. */
function postDivergence(
  batch: Batch,
  { peerBook, divergence }: command.DivergeCommand,
): command.ChannelOutcome {
  batch.channel(peerBook).diverged = divergence;
  return DONE;
}

/** Takes over a hash that has been brought forward, unless the channel has a newer one. */
function postRehash(
  batch: Batch,
  { peerBook, side, hash }: command.RehashCommand,
): command.ChannelOutcome {
  const channel = batch.channel(peerBook);
  const field = side === 'settled' ? 'settledHash' : 'appliedHash';
  assert(hash.through <= channel[side], `no leg ${hash.through} of book ${peerBook} to hash`);
  if (hash.through > channel[field].through) channel[field] = hash;
  return DONE;
}

/**
 * Books what this book has lost of a channel. The money has moved, as the peer's rows prove: no
 * limit, freeze, closing or hold can reject it.
 */
function postRecovery(batch: Batch, item: command.RecoverCommand): command.ChannelOutcome {
  const { peerBook, by, why } = item;
  const channel = batch.channel(peerBook);
  for (const account of item.accounts) reopen(batch, account);
  // Before what left: a lost reversal draws on a leg that has arrived, which may be lost as well.
  for (const { number, leg, reason, capture } of item.arrived) {
    assert(number === channel.applied + 1, `leg ${number} follows ${channel.applied}`);
    settleLeg(batch, { originBook: peerBook, number, leg, reason, by, capture });
    if (channel.appliedHash.through === channel.applied) {
      channel.appliedHash = hashAfter(channel.appliedHash, leg);
    }
    channel.applied = number;
  }
  // They free what the recovered legs may draw on.
  for (const { leg, drawn, capture, arrivedElsewhere } of item.undone) {
    const transferId = arrivedElsewhere ? undoneId(peerBook, leg.transferId) : leg.transferId;
    const reason = Reason.CHANNEL_DIVERGED;
    returnLeg(batch, peerBook, { leg: { ...leg, transferId }, drawn, capture, reason });
  }
  for (const lost of item.sent) {
    if (!captureAgain(batch, item, lost)) recoverSent(batch, item, lost);
    channel.sent = Math.max(channel.sent, lost.number);
  }
  if (!item.done) return DONE;
  channel.diverged = null;
  batch.row({
    ...EMPTY_ROW,
    id: derivedId('repair', String(peerBook), String(batch.seq + 1)),
    kind: RowKind.repair,
    reference: why,
    details: { ...NO_DETAILS, by, options: JSON.stringify({ channel: peerBook }) },
  });
  return DONE;
}

/**
 * Books a lost capture as what it was, so that its hold goes on like any other: the answer of
 * the payee's book frees the rest, or holds the amount again. False: this cannot be
 * done, as the hold is lost too, has ended or is ending, or the number has another leg here.
 */
function captureAgain(
  batch: Batch,
  { peerBook, by }: command.RecoverCommand,
  { number, leg, rowId, moves, capture }: command.LostLeg,
): boolean {
  const hold = capture === null ? undefined : batch.original(capture.holdId);
  if (capture === null || hold === undefined) return false;
  const { amount } = leg;
  const isOpen = hold.kind === RowKind.hold && hold.applied && hold.left >= amount;
  const isItsHold =
    hold.debitAccountId === leg.debitAccountId && hold.creditAccountId === leg.creditAccountId;
  // One whose time is up is freed as a whole by its expiry.
  if (!isOpen || !isItsHold || hold.closing || isDue(batch, hold)) return false;
  const isNext = number === batch.channel(peerBook).sent + 1;
  if (!moves || !isNext || rowId !== leg.transferId) return false;
  const transit = batch.transitAccount(batch.book, peerBook, leg.asset);
  const payer = must(batch.account(leg.debitAccountId), 'the payer of a hold exists');
  payer.heldDebits -= amount;
  hold.left -= amount;
  hold.closing = capture.final;
  if (hold.left === 0n) hold.endedBy = RowKind.capture;
  batch.row({
    ...EMPTY_ROW,
    id: rowId,
    kind: RowKind.capture,
    debitAccount: payer.id,
    creditAccount: transit.id,
    amount,
    entries: move(payer, transit, amount),
    peer: { book: peerBook, account: leg.creditAccountId, number },
    code: leg.code,
    reference: leg.reference,
    metadata: leg.metadata,
    details: {
      ...NO_DETAILS,
      by,
      drawn: { id: hold.id, left: hold.left },
      options: captureOptions(capture),
    },
  });
  return true;
}

/** A first leg that left this book before it was restored. */
function recoverSent(
  batch: Batch,
  { peerBook, by }: command.RecoverCommand,
  { number, leg, rowId, moves, draws }: command.LostLeg,
): void {
  const transit = batch.transitAccount(batch.book, peerBook, leg.asset);
  const payer = must(batch.account(leg.debitAccountId), 'the payer of a lost leg exists');
  const drawn = draws && leg.reversalOf !== '' ? drawAgain(batch, leg) : null;
  const action =
    leg.reversalOf === ''
      ? undefined
      : ({ $case: 'reversal', value: { transferId: leg.reversalOf } } as const);
  batch.row({
    ...EMPTY_ROW,
    id: rowId,
    kind: RowKind.recovered,
    debitAccount: payer.id,
    creditAccount: transit.id,
    amount: leg.amount,
    entries: moves ? move(payer, transit, leg.amount) : null,
    peer: { book: peerBook, account: leg.creditAccountId, number },
    originId: leg.transferId,
    code: leg.code,
    reference: leg.reference,
    metadata: leg.metadata,
    details: { ...NO_DETAILS, by, drawn, options: transferOptions({ ...PLAIN, ...leg, action }) },
  });
}

const PLAIN = { asset: '', upTo: 0, allowZero: false, conditions: undefined } as const;

/** What a lost reversal had drawn on. Null: less is left of it, as another was made since. */
function drawAgain(
  batch: Batch,
  { reversalOf, creditAccountId, amount }: command.LostLeg['leg'],
): RowDetails['drawn'] {
  const original = batch.original(reversedRowId(batch.book, reversalOf, creditAccountId));
  if (original === undefined || original.left < amount) return null;
  original.left -= amount;
  return { id: original.id, left: original.left };
}

/**
 * Opens a lost account again, under its old id. Its external id is lost: the
 * operator has to find it.
 */
function reopen(batch: Batch, { id, asset }: command.LostAccount): void {
  for (let found = batch.account(id); found === undefined; found = batch.account(id)) {
    const next = batch.nextAccountId();
    assert(accountNumberOf(next) <= accountNumberOf(id), `account ${id} cannot be opened again`);
    batch.open({
      externalId: `recovered:${next}`,
      asset: next === id ? asset : NO_ASSET,
      metadata: {},
      minBalance: null,
      maxBalance: null,
      transit: false,
    });
  }
}

/**
 * What a transfer is called in its first row, where the peer has it under another number: what
 * becomes of that row is not what became of the transfer.
 */
export function undoneId(peerBook: number, transferId: string): string {
  return derivedId('undone', String(peerBook), transferId);
}

/** Id of the row that recovers a transfer whose own id another row has. */
export function recoveredId(peerBook: number, transferId: string): string {
  return derivedId('recovered', String(peerBook), transferId);
}

function addRecoveryNeeds(
  { book, accounts, originals }: Needs,
  { undone, sent, arrived }: command.RecoverCommand,
): void {
  for (const { leg, drawn, capture } of undone) {
    accounts.push(leg.debitAccountId);
    if (drawn !== null) originals.add(drawn);
    if (capture !== null) originals.add(capture.holdId);
  }
  for (const { leg, capture } of sent) {
    accounts.push(leg.debitAccountId);
    if (capture !== null) originals.add(capture.holdId);
    if (leg.reversalOf !== '') {
      originals.add(reversedRowId(book, leg.reversalOf, leg.creditAccountId));
    }
  }
  for (const { leg } of arrived) accounts.push(leg.creditAccountId);
}

const ofChannelAlone = { rows: () => 0, addNeeds: () => undefined, evenAfterLoss: true } as const;

export const diverge: CommandKind<'diverge'> = { ...ofChannelAlone, post: postDivergence };

export const rehash: CommandKind<'rehash'> = { ...ofChannelAlone, post: postRehash };

export const recover: CommandKind<'recover'> = {
  rows: ({ undone, sent, arrived }) => undone.length + sent.length + arrived.length,
  addNeeds: addRecoveryNeeds,
  post: postRecovery,
  evenAfterLoss: true,
};
