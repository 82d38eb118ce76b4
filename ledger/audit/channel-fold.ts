import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { type JournalRow } from '../core/journal-row.ts';
import type { AccountFold } from './account-fold.ts';
import type { Find } from './findings.ts';

/** Money that a return gave back. */
export interface Returned {
  readonly amount: bigint;
  readonly payer: bigint | null;
  /** Of a reversal that came back: the row that it had drawn on. */
  readonly drawnId: string | null;
}

/** By the transfer that came back. */
export type Returns = Map<string, Returned>;

/** Follows the numbers of the legs that a book exchanges with others. */
export class ChannelFold {
  /** By peer book. */
  readonly sent = new Map<number, number>();
  readonly applied = new Map<number, number>();
  readonly returns = new Map<number, Returns>();
  /** Returns of legs whose numbers a repair gave to others, by the ids that the returns name. */
  readonly undone = new Map<number, Returns>();
  /** Numbers of recovered legs, by peer book. */
  readonly #recovered = new Map<number, Set<number>>();
  readonly #accounts: AccountFold;
  readonly #find: Find;

  constructor(accounts: AccountFold, find: Find) {
    this.#accounts = accounts;
    this.#find = find;
  }

  /** Takes an applied transfer, capture or reversal: its money may be on its way from here. */
  left(row: JournalRow): void {
    if (row.peer === null) return;
    this.#number(this.sent, row, 'sent');
    this.#requireTransit(row, row.creditAccount);
  }

  /**
   * Takes a leg that a repair has booked. It has the number that the other book knows it by,
   * which may have been given to another leg before.
   */
  recovered(row: JournalRow): void {
    this.#requireTransit(row, row.creditAccount);
    const { peer, originId } = row;
    if (peer === null || peer.number === null || originId === null) {
      this.#find('I3', row, 'a recovered leg has no number or names no transfer');
      return;
    }
    const before = this.sent.get(peer.book) ?? 0;
    if (peer.number > before + 1) {
      this.#find('I3', row, `sent number ${peer.number} of book ${peer.book} follows ${before}`);
    }
    this.sent.set(peer.book, Math.max(before, peer.number));
    const recovered = this.#recovered.get(peer.book) ?? new Set();
    if (recovered.has(peer.number)) {
      this.#find('I3', row, `number ${peer.number} of book ${peer.book} is recovered twice`);
    }
    this.#recovered.set(peer.book, recovered.add(peer.number));
  }

  /** Takes a settlement, applied or refused. */
  arrived(row: JournalRow): void {
    this.#number(this.applied, row, 'applied');
    this.#requireTransit(row, row.debitAccount);
    if (row.originId === null) this.#find('I3', row, 'a settlement names no transfer');
  }

  /** Takes a return. */
  cameBack(row: JournalRow, isCapture: boolean): void {
    this.#requireTransit(row, row.debitAccount);
    const { originId, peer, amount, creditAccount: payer, details } = row;
    if (originId === null || peer === null || amount === null) {
      this.#find('I3', row, 'a return names no transfer');
      return;
    }
    const drawnId = isCapture ? null : (details?.drawn?.id ?? null);
    const isUndone = row.reason === Reason.CHANNEL_DIVERGED;
    const kept = isUndone ? this.undone : this.returns;
    const returns = kept.get(peer.book) ?? new Map();
    if (returns.has(originId)) this.#find('I3', row, `${originId} is returned twice`);
    returns.set(originId, { amount, payer, drawnId });
    kept.set(peer.book, returns);
  }

  /** Takes any other row: nothing of it travels. */
  stayed(row: JournalRow): void {
    const number = row.peer?.number ?? null;
    if (number !== null) this.#find('I3', row, `has number ${number}, though nothing leaves by it`);
  }

  #number(last: Map<number, number>, row: JournalRow, word: string): void {
    const book = row.peer?.book ?? 0;
    const number = row.peer?.number ?? 0;
    const before = last.get(book) ?? 0;
    if (number !== before + 1) {
      this.#find('I3', row, `${word} number ${number} of book ${book} follows ${before}`);
    }
    last.set(book, number);
  }

  #requireTransit(row: JournalRow, id: bigint | null): void {
    if (!this.#accounts.get(id)?.transit) {
      this.#find('I2', row, `account ${id} is no transit account`);
    }
  }
}
