import { type CreateTransferRequest, Reason } from '../../proto/gen/meridian/v1/ledger.ts';
import type { SettleLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import { type Account, newAccount, transitExternalId } from './account.ts';
import { accountId, bookOf } from './account-id.ts';
import { assert, must } from './assert.ts';
import type * as command from './command.ts';
import { type Entries, type JournalRow, type Peer, RowKind } from './journal-row.ts';
import { TOTAL_MAX } from './limits.ts';
import { openedAs } from './same-request.ts';
import { derivedId } from './transfer-id.ts';

/** Numbers of the legs exchanged with another book; see `channel` in 0001_journal.sql. */
export interface Channel {
  readonly peerBook: number;
  sent: number;
  settled: number;
  applied: number;
}

/** An account that a batch opens, with what is stored of it besides its limits. */
export interface OpenedAccount {
  readonly account: Account;
  readonly externalId: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly seq: number;
}

/** The state of a book before a batch. Reading it has no side effect. */
export interface BookState {
  readonly book: number;
  readonly epoch: number;
  readonly seq: number;
  /** Accounts opened so far. */
  readonly accounts: number;
  /** Names of all books, this one included. */
  readonly bookNames: ReadonlyMap<number, string>;
  /** Undefined: there is no such account. */
  account(id: bigint): Account | undefined;
  /** Id of an account by its external id; only asked for transit accounts. */
  transitAccountId(externalId: string): bigint | undefined;
  channel(peerBook: number): Channel | undefined;
}

/** All that a batch changes. Nothing has happened until the rows are committed. */
export interface Posted {
  /** One for each command, in the same order. */
  readonly outcomes: readonly command.Outcome[];
  /** In order of seq, without gaps from the state's seq + 1. */
  readonly rows: readonly JournalRow[];
  /** Accounts opened by this batch, in the order of their numbers. */
  readonly opened: readonly OpenedAccount[];
  /** Every account that was looked at, as it is after the batch. */
  readonly accounts: ReadonlyMap<bigint, Account>;
  /** Every channel that was looked at, as it is after the batch. */
  readonly channels: ReadonlyMap<number, Channel>;
}

/**
 * Executes commands in order, each seeing what the ones before it did. A pure function of its
 * arguments: no I/O, no clock. No id of a transfer may be known to the journal or occur twice.
 *
 * @param atMicros time of the batch, later than that of any batch before it
 */
export function post(
  state: BookState,
  commands: readonly command.Command[],
  atMicros: number,
): Posted {
  const batch = new Batch(state, atMicros);
  const outcomes = commands.map((item): command.Outcome => {
    switch (item.kind) {
      case 'transfer':
        return batch.transfer(item);
      case 'open':
        return batch.open(item);
      case 'settle':
        return batch.settle(item);
      case 'close':
        return batch.close(item);
    }
  });
  return {
    outcomes,
    rows: batch.rows,
    opened: batch.opened,
    accounts: batch.accounts,
    channels: batch.channels,
  };
}

/** The parts of a row that differ from kind to kind. */
type RowFields = Omit<JournalRow, 'seq' | 'epoch' | 'atMicros'>;

/** The text fields of a row that has none. */
const NO_TEXT = { namespace: '', key: '', asset: '', code: 0, reference: '', metadata: {} };

class Batch {
  readonly rows: JournalRow[] = [];
  readonly opened: OpenedAccount[] = [];
  readonly accounts = new Map<bigint, Account>();
  readonly channels = new Map<number, Channel>();
  readonly #transits = new Map<string, bigint>();
  readonly #state: BookState;
  readonly #atMicros: number;

  constructor(state: BookState, atMicros: number) {
    this.#state = state;
    this.#atMicros = atMicros;
  }

  transfer({ id, request }: command.TransferCommand): command.TransferOutcome {
    const debit = this.#account(request.debitAccountId);
    const peerBook = bookOf(request.creditAccountId);
    if (peerBook === this.#state.book) {
      const credit = this.#account(request.creditAccountId);
      const reason = refusal(request, debit, credit);
      const seq = this.#transferRow(id, request, reason, debit, credit, null);
      return { kind: 'transfer', reason, seq, channel: null };
    }
    if (!this.#state.bookNames.has(peerBook)) {
      const reason =
        debit === undefined || debit.transit
          ? Reason.DEBIT_ACCOUNT_NOT_FOUND
          : Reason.CREDIT_ACCOUNT_NOT_FOUND;
      const seq = this.#transferRow(id, request, reason, debit, undefined, null);
      return { kind: 'transfer', reason, seq, channel: null };
    }
    return this.#transferAway(id, request, debit, peerBook);
  }

  /** The first leg of a transfer to another book. */
  #transferAway(
    id: string,
    request: CreateTransferRequest,
    debit: Account | undefined,
    peerBook: number,
  ): command.TransferOutcome {
    // The transit account is opened only once the payer's side holds.
    let reason = debitRefusal(request, debit);
    if (reason === Reason.UNSPECIFIED && debit !== undefined) {
      const transit = this.#transitAccount(this.#state.book, peerBook, debit.asset);
      if (transit.credits + request.amount > TOTAL_MAX) {
        reason = Reason.OVERFLOW;
      } else {
        const channel = this.#channel(peerBook);
        channel.sent += 1;
        const peer = { book: peerBook, account: request.creditAccountId, number: channel.sent };
        const seq = this.#transferRow(id, request, reason, debit, transit, peer);
        return { kind: 'transfer', reason, seq, channel: { peerBook, number: channel.sent } };
      }
    }
    const seq = this.#transferRow(id, request, reason, debit, undefined, null);
    return { kind: 'transfer', reason, seq, channel: null };
  }

  open({ request }: command.OpenCommand): command.OpenOutcome {
    const { asset, minBalance, maxBalance, metadata } = openedAs(request);
    const limits = { minBalance, maxBalance };
    return this.#open(request.externalId, asset, limits, metadata, false);
  }

  settle({ originBook, firstNumber, legs }: command.SettleCommand): command.SettleOutcome {
    const channel = this.#channel(originBook);
    if (firstNumber !== channel.applied + 1) {
      return { kind: 'settle', inOrder: false, appliedThrough: channel.applied, refusals: [] };
    }
    const refusals: { number: number; reason: Reason }[] = [];
    for (const leg of legs) {
      channel.applied += 1;
      const number = channel.applied;
      const reason = this.#settleLeg(originBook, number, leg);
      if (reason !== Reason.UNSPECIFIED) refusals.push({ number, reason });
    }
    return { kind: 'settle', inOrder: true, appliedThrough: channel.applied, refusals };
  }

  #settleLeg(originBook: number, number: number, leg: SettleLeg): Reason {
    const transit = this.#transitAccount(originBook, this.#state.book, leg.asset);
    const credit = this.#account(leg.creditAccountId);
    const reason = creditRefusal(leg, leg.asset, credit, transit);
    const posted = reason === Reason.UNSPECIFIED && credit !== undefined;
    this.#row({
      ...NO_TEXT,
      // Two books may have sent a transfer of the same id: keys belong to the payer's book.
      id: derivedId('settlement', String(originBook), leg.transferId),
      kind: RowKind.settlement,
      reason,
      debitAccount: transit.id,
      creditAccount: leg.creditAccountId,
      amount: leg.amount,
      entries: posted ? this.#move(transit, credit, leg.amount) : null,
      peer: { book: originBook, account: leg.debitAccountId, number },
      originId: leg.transferId,
      code: leg.code,
      reference: leg.reference,
      metadata: leg.metadata,
    });
    return reason;
  }

  close({ peerBook, through, refused }: command.CloseCommand): command.CloseOutcome {
    const channel = this.#channel(peerBook);
    assert(through <= channel.sent, `book ${peerBook} answered leg ${through}, never sent`);
    for (const { number, reason, leg } of refused) {
      // Already returned by a batch whose acknowledgement was lost on the way.
      if (number <= channel.settled) continue;
      assert(number <= through, `leg ${number} is refused beyond ${through}`);
      this.#return(peerBook, leg, reason);
    }
    channel.settled = Math.max(channel.settled, through);
    return { kind: 'close', settledThrough: channel.settled };
  }

  /** Gives the payer back what the payee's book refused. Limits do not apply to it. */
  #return(peerBook: number, leg: SettleLeg, reason: Reason): void {
    const transit = this.#transitAccount(this.#state.book, peerBook, leg.asset);
    const payer = must(this.#account(leg.debitAccountId), 'the payer of a sent leg exists');
    this.#row({
      ...NO_TEXT,
      id: derivedId('return', leg.transferId),
      kind: RowKind.return,
      reason,
      debitAccount: transit.id,
      creditAccount: payer.id,
      amount: leg.amount,
      entries: this.#move(transit, payer, leg.amount),
      peer: { book: peerBook, account: leg.creditAccountId, number: null },
      originId: leg.transferId,
      code: leg.code,
      reference: leg.reference,
      metadata: leg.metadata,
    });
  }

  #transferRow(
    id: string,
    request: CreateTransferRequest,
    reason: Reason,
    debit: Account | undefined,
    credit: Account | undefined,
    peer: Peer | null,
  ): number {
    const posted = reason === Reason.UNSPECIFIED && debit !== undefined && credit !== undefined;
    assert(posted || reason !== Reason.UNSPECIFIED, 'a transfer without accounts has a reason');
    return this.#row({
      id,
      kind: RowKind.transfer,
      reason,
      debitAccount: request.debitAccountId,
      creditAccount: peer === null ? request.creditAccountId : (credit?.id ?? null),
      amount: request.amount,
      entries: posted ? this.#move(debit, credit, request.amount) : null,
      peer,
      originId: null,
      namespace: request.namespace,
      // A key that is the id itself is not stored twice.
      key: request.idempotencyKey === id ? '' : request.idempotencyKey,
      asset: request.asset,
      code: request.code,
      reference: request.reference,
      metadata: request.metadata,
    });
  }

  #open(
    externalId: string,
    asset: string,
    limits: { minBalance: bigint | null; maxBalance: bigint | null },
    metadata: Readonly<Record<string, string>>,
    transit: boolean,
  ): command.OpenOutcome {
    const number = this.#state.accounts + this.opened.length + 1;
    const account = newAccount(accountId(this.#state.book, number), asset, limits, transit);
    this.accounts.set(account.id, account);
    const seq = this.#row({
      ...NO_TEXT,
      id: derivedId('account', externalId),
      kind: RowKind.account,
      reason: Reason.UNSPECIFIED,
      debitAccount: null,
      creditAccount: account.id,
      amount: null,
      entries: null,
      peer: null,
      originId: null,
      key: externalId,
      asset,
      reference: `min=${limits.minBalance ?? 'none'} max=${limits.maxBalance ?? 'none'}`,
      metadata,
    });
    this.opened.push({ account, externalId, metadata, seq });
    return { kind: 'open', account: { ...account }, seq };
  }

  #row(fields: RowFields): number {
    const seq = this.#state.seq + this.rows.length + 1;
    this.rows.push({ ...fields, seq, epoch: this.#state.epoch, atMicros: this.#atMicros });
    return seq;
  }

  /** Moves an amount between two accounts of this book and gives the entries. */
  #move(debit: Account, credit: Account, amount: bigint): Entries {
    assert(amount > 0n, 'an amount is greater than zero');
    debit.debits += amount;
    debit.version += 1;
    credit.credits += amount;
    credit.version += 1;
    return {
      debitVersion: debit.version,
      creditVersion: credit.version,
      debitDebits: debit.debits,
      debitCredits: debit.credits,
      creditDebits: credit.debits,
      creditCredits: credit.credits,
    };
  }

  /** The batch's own copy of an account. */
  #account(id: bigint): Account | undefined {
    const touched = this.accounts.get(id);
    if (touched !== undefined) return touched;
    const stored = this.#state.account(id);
    if (stored === undefined) return undefined;
    const copy = { ...stored };
    this.accounts.set(id, copy);
    return copy;
  }

  #transitAccount(fromBook: number, toBook: number, asset: string): Account {
    const from = must(this.#state.bookNames.get(fromBook), `book ${fromBook} has a name`);
    const to = must(this.#state.bookNames.get(toBook), `book ${toBook} has a name`);
    const externalId = transitExternalId(from, to, asset);
    let id = this.#transits.get(externalId) ?? this.#state.transitAccountId(externalId);
    if (id === undefined) {
      const limits = { minBalance: null, maxBalance: null };
      id = this.#open(externalId, asset, limits, {}, true).account.id;
    }
    this.#transits.set(externalId, id);
    return must(this.#account(id), 'a transit account exists once it has an id');
  }

  #channel(peerBook: number): Channel {
    const touched = this.channels.get(peerBook);
    if (touched !== undefined) return touched;
    const stored = this.#state.channel(peerBook) ?? { peerBook, sent: 0, settled: 0, applied: 0 };
    const copy = { ...stored };
    this.channels.set(peerBook, copy);
    return copy;
  }
}

/** Why a transfer within one book is rejected, in the order of `Reason`. */
function refusal(
  request: CreateTransferRequest,
  debit: Account | undefined,
  credit: Account | undefined,
): Reason {
  if (debit === undefined || debit.transit) return Reason.DEBIT_ACCOUNT_NOT_FOUND;
  if (credit === undefined || credit.transit) return Reason.CREDIT_ACCOUNT_NOT_FOUND;
  if (debit.asset !== credit.asset) return Reason.ASSET_MISMATCH;
  if (request.asset !== '' && request.asset !== debit.asset) return Reason.ASSET_MISMATCH;
  if (debit.debits + request.amount > TOTAL_MAX) return Reason.OVERFLOW;
  if (credit.credits + request.amount > TOTAL_MAX) return Reason.OVERFLOW;
  if (fallsBelow(debit, request.amount)) return Reason.INSUFFICIENT_FUNDS;
  if (risesAbove(credit, request.amount)) return Reason.MAX_BALANCE_EXCEEDED;
  return Reason.UNSPECIFIED;
}

/** Why the first leg of a transfer to another book is rejected: the payer's half of `refusal`. */
function debitRefusal(request: CreateTransferRequest, debit: Account | undefined): Reason {
  if (debit === undefined || debit.transit) return Reason.DEBIT_ACCOUNT_NOT_FOUND;
  if (request.asset !== '' && request.asset !== debit.asset) return Reason.ASSET_MISMATCH;
  if (debit.debits + request.amount > TOTAL_MAX) return Reason.OVERFLOW;
  if (fallsBelow(debit, request.amount)) return Reason.INSUFFICIENT_FUNDS;
  return Reason.UNSPECIFIED;
}

/** Why a second leg is refused: the payee's half of `refusal`. */
function creditRefusal(
  leg: SettleLeg,
  asset: string,
  credit: Account | undefined,
  transit: Account,
): Reason {
  if (credit === undefined || credit.transit) return Reason.CREDIT_ACCOUNT_NOT_FOUND;
  if (credit.asset !== asset) return Reason.ASSET_MISMATCH;
  if (credit.credits + leg.amount > TOTAL_MAX) return Reason.OVERFLOW;
  if (transit.debits + leg.amount > TOTAL_MAX) return Reason.OVERFLOW;
  if (risesAbove(credit, leg.amount)) return Reason.MAX_BALANCE_EXCEEDED;
  return Reason.UNSPECIFIED;
}

function fallsBelow(account: Account, amount: bigint): boolean {
  const { minBalance } = account;
  return minBalance !== null && account.credits - account.debits - amount < minBalance;
}

function risesAbove(account: Account, amount: bigint): boolean {
  const { maxBalance } = account;
  return maxBalance !== null && account.credits - account.debits + amount > maxBalance;
}
