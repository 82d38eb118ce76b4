import { Leg } from '../../../../proto/gen/meridian/v1/movement.ts';
import { Random } from '../../../../ledger/core/random.ts';
import type { CreateTransferRequest } from '../../../../proto/gen/meridian/v1/transfer.ts';
import { bookOf } from '../../../../ledger/core/account-id.ts';
import { must } from '../../../../ledger/core/assert.ts';
import { RowKind } from '../../../../ledger/core/journal-row.ts';
import { eventRead } from './event-read.ts';
import { Story } from './story.ts';

const ACCOUNTS_PER_BOOK = 100;
const SETTLE_EVERY = 50;
const PAGE = 20;

/** A run of `count` operations of all kinds in which nothing goes wrong. */
export function randomRun(seed: number, operations: number): Story {
  const run = new RandomRun(seed);
  for (let number = 1; number <= operations; number += 1) run.next(number);
  return run.end();
}

class RandomRun {
  readonly #story = new Story();
  readonly #random: Random;
  readonly #accounts: bigint[] = [];
  readonly #holds: { id: string; payer: bigint }[] = [];
  readonly #posted: { id: string; payer: bigint; payee: bigint }[] = [];
  readonly #keys: { key: string; fields: Partial<CreateTransferRequest> }[] = [];

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#story.phase('load');
    for (const book of [1, 2, 3]) {
      for (let number = 1; number <= ACCOUNTS_PER_BOOK; number += 1) {
        const min = number % 3 === 0 ? ({ $case: 'minBalance', value: 0n } as const) : undefined;
        const fields = min === undefined ? {} : { min };
        this.#accounts.push(this.#story.open(book, `account ${book}/${number}`, fields));
      }
    }
  }

  next(number: number): void {
    const kind = this.#random.below(100);
    const key = `key-${number}`;
    if (kind < 55) this.#transfer(key);
    else if (kind < 65) this.#across(key);
    else if (kind < 72) this.#hold(key);
    else if (kind < 78) this.#draw(key);
    else if (kind < 81) this.#group(key);
    else if (kind < 84) this.#reverse(key);
    else if (kind < 88) this.#again();
    else if (kind < 96) this.#read();
    else this.#page();
    if (number % SETTLE_EVERY === 0) this.#settle();
    if (number % 10_000 === 0) this.#story.takeOver(1 + this.#random.below(3));
  }

  end(): Story {
    this.#settle();
    this.#story.phase('heal');
    for (const book of [1, 2, 3]) this.#transfer(`last ${book}`, book);
    this.#settle();
    this.#story.phase('end');
    return this.#story;
  }

  #payer(book = 1 + this.#random.below(3)): bigint {
    return must(this.#accounts[(book - 1) * ACCOUNTS_PER_BOOK + this.#skewed()], 'it is there');
  }

  /** Picks an account; a few of them have most of the traffic. */
  #skewed(): number {
    return this.#random.below(1 + this.#random.below(ACCOUNTS_PER_BOOK));
  }

  /** Two accounts of one book. */
  #pair(book?: number) {
    const debitAccountId = this.#payer(book);
    let creditAccountId = this.#payer(bookOf(debitAccountId));
    while (creditAccountId === debitAccountId) {
      creditAccountId = this.#payer(bookOf(debitAccountId));
    }
    return { debitAccountId, creditAccountId, amount: BigInt(1 + this.#random.below(100)) };
  }

  #ask(key: string, fields: Partial<CreateTransferRequest>): string {
    if (this.#keys.length < 1_000) this.#keys.push({ key, fields });
    else this.#keys[this.#random.below(1_000)] = { key, fields };
    const router = this.#random.pick(['eu-west', 'us-east', 'ap-south']);
    return this.#story.transfer(key, fields, { process: 1 + this.#random.below(50), router });
  }

  #transfer(key: string, book?: number): void {
    const fields = this.#pair(book);
    const id = this.#ask(key, fields);
    if (this.#random.chance(0.1)) {
      this.#posted.push({ id, payer: fields.debitAccountId, payee: fields.creditAccountId });
    }
  }

  #across(key: string): void {
    const debitAccountId = this.#payer();
    const to = (bookOf(debitAccountId) % 3) + 1;
    this.#ask(key, { debitAccountId, creditAccountId: this.#payer(to), amount: 5n });
  }

  #hold(key: string): void {
    const fields = this.#pair();
    const action = { $case: 'hold', value: { timeoutSeconds: 0 } } as const;
    this.#holds.push({ id: this.#ask(key, { ...fields, action }), payer: fields.debitAccountId });
  }

  #draw(key: string): void {
    const hold = this.#holds.pop();
    if (hold === undefined) return;
    const isCapture = this.#random.chance(0.6);
    const action = isCapture
      ? ({ $case: 'capture', value: { holdId: hold.id, final: true } } as const)
      : ({ $case: 'release', value: { holdId: hold.id } } as const);
    this.#ask(key, { debitAccountId: hold.payer, creditAccountId: 0n, amount: 0n, action });
  }

  #group(key: string): void {
    const first = this.#pair();
    const book = bookOf(first.debitAccountId);
    const legs = [first, this.#pair(book), this.#pair(book)].map((leg) => Leg.fromPartial(leg));
    const action = { $case: 'group', value: { legs } } as const;
    this.#ask(key, { debitAccountId: 0n, creditAccountId: 0n, amount: 0n, action });
  }

  #reverse(key: string): void {
    const done = this.#posted.pop();
    if (done === undefined) return;
    const action = { $case: 'reversal', value: { transferId: done.id } } as const;
    const fields = { debitAccountId: done.payee, creditAccountId: done.payer, amount: 0n, action };
    this.#ask(key, fields);
  }

  #again(): void {
    if (this.#keys.length === 0) return;
    const { key, fields } = this.#random.pick(this.#keys);
    this.#story.transfer(key, fields, { process: 60 });
  }

  #read(): void {
    const account = this.#payer();
    const book = this.#story.book(bookOf(account));
    const level = this.#random.pick(['leader', 'linearizable', 'stale'] as const);
    const position = { book: book.number, epoch: book.epoch, seq: book.seq };
    const reads = [{ position, whole: false, accounts: [book.state(account)] }];
    this.#story.record('balances', { books: [book.number], level, minPosition: null }, reads);
  }

  #page(): void {
    const book = this.#story.book(1 + this.#random.below(3));
    const after = this.#random.below(book.seq);
    const events = book.rows.slice(after, after + PAGE).map(eventRead);
    this.#story.record('page', { book: book.number, account: '', after }, { events });
  }

  #settle(): void {
    for (const from of [1, 2, 3]) {
      for (const to of [1, 2, 3]) if (from !== to) this.#story.settle(from, to);
    }
  }
}

/** Kinds of rows that such runs have. */
export const KINDS_OF_RANDOM_RUNS = [
  RowKind.transfer,
  RowKind.settlement,
  RowKind.account,
  RowKind.takeOver,
  RowKind.hold,
  RowKind.capture,
  RowKind.release,
  RowKind.reversal,
  RowKind.group,
] as const;
