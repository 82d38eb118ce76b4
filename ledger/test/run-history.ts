import assert from 'node:assert/strict';
import type { SettleLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import type {
  CreateTransferRequest,
  OpenAccountRequest,
} from '../../proto/gen/meridian/v1/ledger.ts';
import type { Account } from '../core/account.ts';
import { must } from '../core/assert.ts';
import type * as command from '../core/command.ts';
import { RowKind } from '../core/journal-row.ts';
import { INT64_MAX, INT64_MIN } from '../core/limits.ts';
import { Model } from '../core/model.ts';
import { differingAccountField, differingTransferField, openedAs } from '../core/same-request.ts';
import { transferIdOf } from '../core/transfer-id.ts';
import { type DeliverStep, type History, retried, type Step } from './history.ts';
import { type Pending, type SimBook, simBooks } from './installation.ts';
import { checkInFlight, JournalFold } from './invariants.ts';

/**
 * Runs one history through post() and through the model at the same time, and throws as soon as
 * they differ or an invariant is broken. Keys that are known are answered here, as the leader
 * does; what stands for the sender and the settlement service is as simple as possible.
 */
export class HistoryRun {
  readonly books: readonly SimBook[];
  readonly #model: Model;
  readonly #folds: readonly JournalFold[];
  readonly #cutAlways: boolean;
  readonly #requests: CreateTransferRequest[] = [];
  readonly #decided = new Map<string, Decided>();
  readonly #opened = new Map<string, OpenAccountRequest>();
  /** To be compared once the batch is posted. */
  #checks: (() => void)[] = [];

  /** @param cutAlways true: every step is posted on its own, whatever the history says */
  constructor(history: History, cutAlways = false) {
    this.books = simBooks(history.books);
    this.#model = new Model(this.books);
    this.#folds = this.books.map(() => new JournalFold());
    this.#cutAlways = cutAlways;
  }

  run(steps: readonly Step[]): void {
    for (const step of steps) {
      this.#step(step);
      if (step.cut || this.#cutAlways) this.#cut();
    }
    this.#cut();
    this.#drain();
    this.#cut();
    for (const sender of this.books) {
      for (const receiver of this.books) this.#checkAtRest(sender, receiver);
    }
  }

  #step(step: Step): void {
    switch (step.kind) {
      case 'open':
        this.#open(this.#book(step.book), step.request);
        break;
      case 'transfer':
        this.#transfer(step.request);
        break;
      case 'retry': {
        const request = this.#requests[step.of % Math.max(1, this.#requests.length)];
        if (request !== undefined) this.#transfer(retried(request, step.altered));
        break;
      }
      case 'deliver':
        if (step.from !== step.to) this.#deliver(step);
        break;
    }
  }

  #book(number: number): SimBook {
    return must(this.books[number - 1], `book ${number} exists`);
  }

  #open(book: SimBook, request: OpenAccountRequest): void {
    const expected = this.#model.open(book.number, request);
    const name = `${book.number} ${request.externalId}`;
    const first = this.#opened.get(name);
    if (first !== undefined) {
      const field = differingAccountField(openedAs(first), openedAs(request));
      assert.deepEqual([true, field], [expected.replayed || field !== '', expected.differingField]);
      return;
    }
    this.#opened.set(name, request);
    const pending = book.open(request);
    this.#checks.push(() => {
      const { account, seq } = must(pending.outcome, 'an opening has an outcome');
      const {
        id,
        asset,
        min: minBalance,
        max: maxBalance,
        transit,
        seq: expectedSeq,
      } = must(expected.account, 'the model opens it too');
      const limits = { minBalance, maxBalance, debits: 0n, credits: 0n, version: 0 };
      assert.deepEqual(
        { account, seq },
        {
          account: { id, asset, transit, ...limits },
          seq: expectedSeq,
        },
      );
    });
  }

  #transfer(request: CreateTransferRequest): void {
    const expected = this.#model.transfer(request);
    this.#requests.push(request);
    const book = this.#book(Number(request.debitAccountId >> 48n));
    const id = transferIdOf(request.namespace, request.idempotencyKey);
    const name = `${book.number} ${id}`;
    const earlier = this.#decided.get(name);
    if (earlier !== undefined) {
      const field = differingTransferField(earlier.request, request);
      assert.equal(field, expected.differingField);
      assert.equal(expected.replayed, field === '');
    } else {
      assert.equal(expected.replayed, false);
      this.#decided.set(name, { request, pending: book.transfer(id, request) });
    }
    const { pending } = must(this.#decided.get(name), 'a key is decided now');
    this.#checks.push(() => {
      const { reason, seq, leg } = expected.transfer;
      const channel = leg === null ? null : { peerBook: leg.to, number: leg.number };
      assert.deepEqual(pending.outcome, { kind: 'transfer', reason, seq, channel });
    });
  }

  /** The sender reads its journal, calls, and closes what it hears was answered. */
  #deliver(step: DeliverStep): void {
    const from = this.#book(step.from);
    const to = this.#book(step.to);
    from.flush();
    to.flush();
    const { settled } = from.channel(to.number);
    const legs = sentLegs(from, to.number).slice(settled, settled + step.count);
    const first = settled + 1 + (step.gap ? 1 : 0);
    const wanted = step.gap ? legs.slice(1) : legs;
    const half = step.calls === 1 ? wanted.length : Math.ceil(wanted.length / 2);
    for (const begin of [0, half]) {
      const part = wanted.slice(begin, begin === 0 ? half : wanted.length);
      if (part.length === 0) continue;
      this.#settle(from, to, first + begin, part);
      if (step.twice) this.#settle(from, to, first + begin, part);
    }
    to.flush();
    if (step.answerLost) return;
    const { applied } = to.channel(from.number);
    if (applied <= settled) return;
    const refusals = this.#model.refusals(from.number, to.number, settled + 1, applied);
    const sent = sentLegs(from, to.number);
    const refused = refusals.map(({ number, reason }) => {
      return { number, reason, leg: must(sent[number - 1], 'what was refused was sent') };
    });
    for (let times = step.closeTwice ? 2 : 1; times > 0; times -= 1) {
      this.#close(from, { kind: 'close', peerBook: to.number, through: applied, refused });
    }
  }

  /** What the settlement service does: skips what was applied, asks the book for the rest. */
  #settle(from: SimBook, to: SimBook, firstNumber: number, legs: readonly SettleLeg[]): void {
    const before = this.#model.appliedThrough(from.number, to.number);
    this.#model.deliver(from.number, to.number, firstNumber, firstNumber + legs.length - 1);
    const skip = Math.max(0, before + 1 - firstNumber);
    const inOrder = firstNumber + skip === before + 1 && skip < legs.length;
    const through = this.#model.appliedThrough(from.number, to.number);
    // Without anything to skip to, the old number is used: it must be refused.
    const sent: command.SettleCommand = inOrder
      ? { kind: 'settle', originBook: from.number, firstNumber: before + 1, legs: legs.slice(skip) }
      : { kind: 'settle', originBook: from.number, firstNumber, legs };
    const pending = to.add<command.SettleOutcome>(sent);
    const refusals = inOrder
      ? this.#model.refusals(from.number, to.number, before + 1, through)
      : [];
    this.#checks.push(() =>
      assert.deepEqual(pending.outcome, {
        kind: 'settle',
        inOrder,
        appliedThrough: through,
        refusals,
      }),
    );
  }

  #close(from: SimBook, close: command.CloseCommand): void {
    this.#model.close(from.number, close.peerBook, close.through);
    const settledThrough = this.#model.settledThrough(from.number, close.peerBook);
    const pending = from.add<command.CloseOutcome>(close);
    this.#checks.push(() => assert.deepEqual(pending.outcome, { kind: 'close', settledThrough }));
  }

  /** Delivers everything that is still under way. */
  #drain(): void {
    const how = { count: 1000, calls: 1, twice: false, gap: false, answerLost: false };
    for (const { number: from } of this.books) {
      for (const { number: to } of this.books) {
        if (from === to) continue;
        this.#deliver({ kind: 'deliver', from, to, ...how, closeTwice: false });
      }
    }
  }

  /** Posts what waits and compares everything. */
  #cut(): void {
    for (const book of this.books) book.flush();
    const checks = this.#checks;
    this.#checks = [];
    for (const check of checks) check();
    for (const [index, book] of this.books.entries()) this.#checkBook(book, this.#fold(index));
    for (const [a, from] of this.books.entries()) {
      for (const [b, to] of this.books.entries()) {
        if (a !== b) checkInFlight([from, this.#fold(a)], [to, this.#fold(b)]);
      }
    }
  }

  #fold(index: number): JournalFold {
    return must(this.#folds[index], `book ${index + 1} has its fold`);
  }

  #taken = new Map<SimBook, number>();

  #checkBook(book: SimBook, fold: JournalFold): void {
    const taken = this.#taken.get(book) ?? 0;
    for (const batch of book.batches.slice(taken)) fold.take(batch);
    this.#taken.set(book, book.batches.length);
    const { accounts, rows } = this.#model.book(book.number);
    assert.equal(book.rows.length, rows, 'the model has as many rows');
    assert.equal(book.stored.size, accounts.length, 'the model has as many accounts');
    for (const { id, asset, min: minBalance, max: maxBalance, transit } of accounts) {
      const debits = this.#model.debits(id);
      const credits = this.#model.credits(id);
      const version = this.#model.version(id);
      const limits = { minBalance, maxBalance };
      const expected = { id, asset, transit, ...limits, debits, credits, version };
      const stored = must(book.stored.get(id), `account ${id} is stored`);
      assert.deepEqual(withoutVoidLimits(stored), withoutVoidLimits(expected));
    }
  }

  #checkAtRest(from: SimBook, to: SimBook): void {
    if (from === to) return;
    const { sent, settled } = from.channel(to.number);
    const { applied } = to.channel(from.number);
    assert.deepEqual([settled, applied], [sent, sent], 'every leg is answered and closed');
    for (const asset of ['EUR', 'USD']) {
      const here = this.#fold(from.number - 1).transitBalance(from, to, asset);
      const there = this.#fold(to.number - 1).transitBalance(from, to, asset);
      assert.equal(here + there, 0n, 'I2: nothing is in flight at rest');
    }
  }
}

interface Decided {
  readonly request: CreateTransferRequest;
  readonly pending: Pending<command.TransferOutcome>;
}

/** A limit that no balance can reach may be taken for none. */
function withoutVoidLimits(account: Account): Account {
  const minBalance = account.minBalance === INT64_MIN ? null : account.minBalance;
  const maxBalance = account.maxBalance === INT64_MAX ? null : account.maxBalance;
  return { ...account, minBalance, maxBalance };
}

/** The legs of one book to another as its journal has them, the first has number 1. */
function sentLegs(book: SimBook, peerBook: number): SettleLeg[] {
  return book.rows.flatMap((row) => {
    if (row.kind !== RowKind.transfer || row.peer?.book !== peerBook) return [];
    const debitAccountId = row.debitAccount ?? 0n;
    return [
      {
        transferId: row.id,
        debitAccountId,
        creditAccountId: row.peer.account,
        amount: row.amount ?? 0n,
        asset: book.stored.get(debitAccountId)?.asset ?? '',
        code: row.code,
        reference: row.reference,
        metadata: { ...row.metadata },
      },
    ];
  });
}
