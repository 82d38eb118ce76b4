import { ChangeAccountRequest, Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { type Leg, UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import { accountId } from '../../core/account-id.ts';
import { must } from '../../core/assert.ts';
import { chainAfter } from '../../core/chain.ts';
import type * as command from '../../core/post/command.ts';
import { RowKind } from '../../core/journal-row.ts';
import { transferIdOf } from '../../core/transfer-id.ts';
import type { LeaderStore } from '../../store/book-store.ts';
import { PostgresStore } from '../../store/postgres/postgres-store.ts';
import type { Book } from '../../core/book.ts';
import type { TestDatabase } from './database.ts';
import { type SimBook, simBooks } from '../books/sim-book.ts';
import { openRequest, transferRequest } from '../books/book-requests.ts';
import { closeOf, dueHolds, sentLegs } from '../books/sent-legs.ts';

/** Accounts that callers open in each book. */
export const RANDOM_ACCOUNTS = 4;

const REFERENCES = ['', 'rent', 'fee', 'NULL'];
const METADATA = [{}, {}, { order: '7' }, { order: '8', vip: '' }, { 'a"b': "it's" }];

/**
 * Two books that random requests of every kind have gone through. What is asked is likely to be
 * possible, so that most of it is applied; reads are what is under test here.
 */
export class RandomBooks {
  readonly books: readonly SimBook[] = simBooks(2);
  readonly #pick: (below: number) => number;
  #keys = 0;

  constructor(seed: number, steps: number) {
    this.#pick = randomFrom(seed);
    for (const book of this.books) {
      for (let number = 1; number <= RANDOM_ACCOUNTS; number += 1) {
        book.open(openRequest({ externalId: `account-${number}`, metadata: { born: 'here' } }));
      }
      this.#flush(book);
    }
    for (let step = 0; step < steps; step += 1) this.#step();
  }

  #of<T>(values: readonly T[]): T {
    return must(values[this.#pick(values.length)], 'there is something to choose from');
  }

  #step(): void {
    const book = this.#of(this.books);
    const choice = this.#pick(20);
    if (choice === 0) this.#deliver(book);
    else if (choice === 1) this.#sweep(book);
    else if (choice === 2) this.#change(book);
    else this.#transfer(book);
    if (this.#pick(3) === 0) this.#flush(book);
  }

  #flush(book: SimBook): void {
    // Sometimes two batches are apart by one microsecond only.
    book.nowMicros += this.#pick(2) === 0 ? 1 : this.#pick(5_000_000);
    book.flush();
  }

  #transfer(book: SimBook): void {
    this.#keys += 1;
    const idempotencyKey = `key-${this.#keys}`;
    const group = this.#pick(8) === 0;
    const legs = () => Array.from({ length: 1 + this.#pick(3) }, () => this.#leg(book));
    const request = transferRequest({
      ...this.#leg(book),
      ...(group ? { debitAccountId: 0n, creditAccountId: 0n, amount: 0n, asset: '' } : {}),
      ...(group ? { action: { $case: 'group' as const, value: { legs: legs() } } } : {}),
      idempotencyKey,
    });
    book.transfer(transferIdOf('', idempotencyKey), request);
  }

  #leg(book: SimBook): Leg {
    const number = this.#pick(RANDOM_ACCOUNTS) + 1;
    const there = this.#pick(4) === 0 ? 3 - book.number : book.number;
    const fields = {
      debitAccountId: accountId(book.number, number),
      creditAccountId: accountId(there, (number % RANDOM_ACCOUNTS) + 1),
      amount: BigInt(1 + this.#pick(30)),
      asset: '',
      code: this.#pick(4),
      reference: this.#of(REFERENCES),
      metadata: this.#of(METADATA),
      action: undefined,
      upTo: UpTo.UNSPECIFIED,
      conditions: undefined,
      allowZero: false,
      rest: false,
    };
    switch (this.#pick(5)) {
      case 0: {
        const timeoutSeconds = this.#pick(2) * (1 + this.#pick(10));
        return { ...fields, action: { $case: 'hold', value: { timeoutSeconds } } };
      }
      case 1:
        return this.#draw(book, fields);
      case 2:
        return this.#reverse(book, fields);
      default:
        return fields;
    }
  }

  /** Captures or releases a hold. */
  #draw(book: SimBook, fields: Leg): Leg {
    const holds = book.rows.filter(({ kind, reason }) => kind === RowKind.hold && reason === 0);
    if (holds.length === 0) return fields;
    const hold = this.#of(holds.slice(-8));
    const debitAccountId = must(hold.debitAccount, 'a hold has a payer');
    const asked = { ...fields, debitAccountId, creditAccountId: 0n };
    if (this.#pick(4) === 0) {
      return { ...asked, amount: 0n, action: { $case: 'release', value: { holdId: hold.id } } };
    }
    const amount = BigInt(this.#pick(2) * (1 + this.#pick(8)));
    const value = { holdId: hold.id, final: this.#pick(4) === 0 };
    return { ...asked, amount, action: { $case: 'capture', value } };
  }

  /** Reverses something that was moved within the book, or received from the other. */
  #reverse(book: SimBook, fields: Leg): Leg {
    const moved = book.rows.filter(
      ({ kind, reason, peer }) =>
        reason === 0 &&
        ((peer === null && (kind === RowKind.transfer || kind === RowKind.capture)) ||
          kind === RowKind.settlement),
    );
    if (moved.length === 0) return fields;
    const row = this.#of(moved.slice(-20));
    const settled = row.kind === RowKind.settlement;
    const debitAccountId = must(row.creditAccount, 'what was moved has a payee');
    const payer = settled ? row.peer?.account : row.debitAccount;
    const creditAccountId = must(payer, 'what was moved has a payer');
    const transferId = settled ? must(row.originId, 'a settlement has an origin') : row.id;
    const amount = BigInt(this.#pick(2) * (1 + this.#pick(8)));
    const action = { $case: 'reversal' as const, value: { transferId } };
    return { ...fields, debitAccountId, creditAccountId, amount, action };
  }

  #change(book: SimBook): void {
    this.#keys += 1;
    const idempotencyKey = `change-${this.#keys}`;
    const change = this.#of<NonNullable<ChangeAccountRequest['change']>>([
      { $case: 'freeze', value: Freeze.NONE },
      { $case: 'freeze', value: Freeze.NONE },
      { $case: 'freeze', value: Freeze.IN },
      { $case: 'freeze', value: Freeze.OUT },
      { $case: 'limits', value: { minBalance: -300n, maxBalance: 300n } },
      { $case: 'limits', value: { minBalance: undefined, maxBalance: undefined } },
      { $case: 'metadata', value: { metadata: {} } },
      { $case: 'metadata', value: { metadata: { vip: 'yes' } } },
    ]);
    const request = ChangeAccountRequest.create({
      idempotencyKey,
      accountId: accountId(book.number, 1 + this.#pick(RANDOM_ACCOUNTS)),
      by: 'ops',
      why: `ticket ${this.#keys}`,
      change,
    });
    book.add({ kind: 'change', id: transferIdOf('', idempotencyKey), request });
  }

  #sweep(book: SimBook): void {
    const due = dueHolds(book.rows, book.nowMicros);
    const last = due.at(-1);
    const newest = book.rows.at(-1);
    if (last === undefined || newest === undefined) return;
    const seen = { seq: newest.seq, atMicros: newest.atMicros };
    book.add({ kind: 'expire', holds: due.map(({ id }) => id), swept: last.cursor, seen });
  }

  /** Sends what waits for the other book there, and closes what it answered. */
  #deliver(from: SimBook): void {
    const to = must(
      this.books.find((book) => book !== from),
      'there are two books',
    );
    this.#flush(from);
    this.#flush(to);
    const { settled, sent } = from.channel(to.number);
    const legs = sentLegs(from, to.number).slice(settled, sent);
    if (legs.length === 0) return;
    const settle = { kind: 'settle', originBook: from.number, firstNumber: settled + 1 } as const;
    const pending = to.add<command.SettleOutcome>({ ...settle, legs });
    this.#flush(to);
    const { refusals } = must(pending.outcome, 'the legs were answered');
    from.add(closeOf(from, to.number, { after: settled, through: sent }, refusals));
    this.#flush(from);
  }
}

/** Appends all batches of a book to its database, as a leader does. */
export async function storeBook(database: TestDatabase, book: SimBook, as: Book): Promise<void> {
  await appendBook(new PostgresStore(database.ledger, as), book);
}

/** Appends all batches of a book to a store of it, as a leader does. */
export async function appendBook(
  store: Pick<LeaderStore, 'readHead' | 'append'>,
  book: SimBook,
): Promise<void> {
  let head = await store.readHead();
  for (const { rows, opened } of book.batches) {
    const after = {
      ...head,
      epoch: 1,
      seq: head.seq + rows.length,
      chain: chainAfter(head.chain, rows),
      atMicros: rows[0]?.atMicros ?? head.atMicros,
      accounts: head.accounts + opened.length,
    };
    const written = await store.append({
      head: {
        epochBefore: head.epoch,
        epochAfter: after.epoch,
        ...(head.epoch === 0 ? { leader: '127.0.0.1:1' } : {}),
        seqBefore: head.seq,
        seqAfter: after.seq,
        chainAfter: after.chain,
        atMicros: after.atMicros,
        accountsAfter: after.accounts,
      },
      rows,
      opened,
      channels: [...book.channels.values()],
      registered: [],
      swept: null,
      regionBooks: null,
    });
    must(written || undefined, 'no one else appends to the book');
    head = after;
  }
}

/** Whole numbers from zero to below what is asked, the same for the same seed. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    // Mulberry32: small, and random enough to choose test data.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
