import assert from 'node:assert/strict';
import { bookOf } from '../../../ledger/core/account-id.ts';
import { must } from '../../../ledger/core/assert.ts';
import { holdNow } from '../../../ledger/testing/model/fold.ts';
import type { Model } from '../../../ledger/testing/model/model.ts';
import {
  isTravelling,
  type ModelBook,
  type ModelTransfer,
  type Travelling,
} from '../../../ledger/testing/model/model-state.ts';
import { type Event, EventKind } from '../../../proto/gen/meridian/v1/event.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { UnappliedRows } from './journals.ts';
import { microsOf } from './time.ts';

/** How late a hold may expire: the sweep comes every 0.1 s, but the machine may be busy. */
const LATE_MICROS_MAX = 10_000_000;

/** A request under way, whose row the model has to apply in its turn. */
export interface Sent {
  readonly book: number;
  /** Of the transfer or change, then of its legs: each has a row. */
  readonly ids: readonly string[];
  /** Sends the same request to the model. */
  readonly ask: () => void;
}

export interface TimedHold extends ModelTransfer {
  readonly expiresAt: number;
  readonly book: ModelBook;
}

/**
 * Applies the rows of the journals to the model of one history in a possible order: rows of a
 * book in theirs, and none before its cause.
 */
export class ModelReplay {
  readonly model: Model;
  readonly unapplied: UnappliedRows;
  /** All rows that were applied, of each book in order. */
  readonly applied: readonly Event[][];
  readonly #decided = new Map<string, Event>();
  #sent: Sent | undefined;

  constructor(model: Model) {
    this.model = model;
    this.unapplied = new Map([1, 2, 3].map((book) => [book, []]));
    this.applied = [[], [], []];
  }

  /** Holds that have expired. */
  get expired(): number {
    return this.model.books.reduce((sum, { expired }) => sum + expired.length, 0);
  }

  /** Holds that were made with a time limit. */
  get holds(): TimedHold[] {
    return this.model.books.flatMap((book) =>
      book.transfers.flatMap(({ expiresAt, ...hold }) =>
        expiresAt === null ? [] : [{ ...hold, expiresAt, book }],
      ),
    );
  }

  /** Those of them that have not ended. */
  get openHolds(): TimedHold[] {
    return this.holds.filter((hold) => holdNow(hold.book, hold).end === undefined);
  }

  /** True while rows of the current request are missing. */
  get isAsking(): boolean {
    const { book, ids } = this.#sent ?? { book: 0, ids: [] };
    return ids.some((id) => !this.#decided.has(`${book} ${id}`));
  }

  /** The next rows without another cause are those of this request. */
  expect(sent: Sent): void {
    this.#sent = sent;
  }

  /** The request writes no row. */
  expectNothing(): void {
    this.#sent = undefined;
  }

  /** The row by which a book decided a request, or a leg of one. */
  decision(book: number, id: string): Event {
    return must(this.#decided.get(`${book} ${id}`), `${id} was decided in book ${book}`);
  }

  /** Applies the rows that have arrived, as far as that is possible. */
  applyAll(): void {
    for (let more = true; more;) {
      more = false;
      for (const [book, events] of this.unapplied) {
        for (let [next] = events; next !== undefined && this.#apply(book, next); [next] = events) {
          events.shift();
          this.applied[book - 1]?.push(next);
          more = true;
        }
      }
    }
  }

  /** Legs that have left their book and have neither arrived nor come back. */
  get underWay(): Travelling[] {
    return this.#legs().filter(
      ({ travel }) =>
        travel.verdict === undefined || (travel.verdict !== Reason.UNSPECIFIED && !travel.closed),
    );
  }

  /** Legs that the payee's book has applied while the payer's may not know it yet. */
  get unclosed(): Travelling[] {
    return this.#legs().filter(({ travel }) => !travel.closed);
  }

  /** Marks everything that arrived as known to the payers' books. */
  closeAll(): void {
    for (const { number: from } of this.model.books) {
      for (const { number: to } of this.model.books) {
        if (from !== to) this.model.close(from, to, this.model.appliedThrough(from, to));
      }
    }
  }

  #legs(): Travelling[] {
    return this.model.books.flatMap(({ transfers }) => transfers.filter(isTravelling));
  }

  /** Returns false if its cause has to be applied first. */
  #apply(book: number, event: Event): boolean {
    const { kind } = event;
    if (kind === EventKind.SETTLEMENT) return this.#arrive(book, event);
    if (kind === EventKind.RETURN) return this.#return(book, event);
    if (kind === EventKind.REST) return this.#rest(book, event);
    if (kind === EventKind.EXPIRY) this.#expire(book, event);
    else this.#decide(book, event);
    return true;
  }

  #decide(book: number, event: Event): void {
    this.#decided.set(`${book} ${event.transferId}`, event);
    // Legs are part of their group's request.
    if (event.groupId !== '') return;
    const sent = this.#sent;
    assert.deepEqual(
      [book, event.transferId],
      [sent?.book, sent?.ids[0]],
      'a row that no request asked for',
    );
    this.model.book(book).now = microsOf(event.at);
    sent?.ask();
  }

  #expire(book: number, { transferId, at, amount }: Event): void {
    const hold = must(this.#transfer(book, transferId), 'what expires was held');
    const { expiresAt } = hold;
    assert.ok(expiresAt !== null && microsOf(at) >= expiresAt, `${transferId} expired too early`);
    assert.ok(microsOf(at) - expiresAt < LATE_MICROS_MAX, `${transferId} expired very late`);
    this.model.book(book).now = microsOf(at);
    const held = this.#held(book);
    assert.equal(this.model.expire(book, [transferId]), 1, `${transferId} was open`);
    assert.equal(held - this.#held(book), amount, 'the row contains what was freed');
  }

  /** The total that is held in a book. */
  #held(book: number): bigint {
    const { versions } = this.model.book(book);
    return versions.reduce((sum, { heldDebits }) => sum + heldDebits, 0n);
  }

  #arrive(book: number, event: Event): boolean {
    const from = bookOf(event.debitAccountId);
    const leg = this.#transfer(from, event.transferId);
    if (leg === undefined || !isTravelling(leg)) return false;
    const { number } = leg.travel;
    assert.equal(number, this.model.appliedThrough(from, book) + 1, 'legs arrive in order');
    this.model.deliver(from, book, number, number);
    assert.equal(event.reason, leg.travel.verdict, `verdict on ${event.transferId}`);
    return true;
  }

  #return(book: number, event: Event): boolean {
    const leg = this.#transfer(book, event.transferId);
    if (leg === undefined || !isTravelling(leg) || leg.travel.verdict === undefined) return false;
    assert.equal(event.reason, leg.travel.verdict, `why ${event.transferId} came back`);
    this.model.book(book).now = microsOf(event.at);
    this.model.close(book, leg.travel.to, leg.travel.number);
    return true;
  }

  #rest(book: number, event: Event): boolean {
    const leg = this.#transfer(book, event.transferId);
    if (leg === undefined || !isTravelling(leg) || leg.travel.verdict === undefined) return false;
    assert.equal(leg.travel.verdict, Reason.UNSPECIFIED, `${event.transferId} was applied`);
    // A return of the same moment may have closed it already.
    this.model.book(book).now = microsOf(event.at);
    this.model.close(book, leg.travel.to, leg.travel.number);
    return true;
  }

  #transfer(book: number, id: string): ModelTransfer | undefined {
    return this.model.book(book).transfers.find((transfer) => transfer.id === id);
  }
}
