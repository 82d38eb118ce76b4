import assert from 'node:assert/strict';
import type {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import type { RegisterAssetRequest } from '../../../proto/gen/meridian/v1/asset.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferRequest,
  transferStatusToJSON,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { must } from '../../core/assert.ts';
import type * as command from '../../core/post/command.ts';
import type { RegionBooks } from '../../core/placement.ts';
import { assetParts, scaleNow } from '../model/fold.ts';
import { modelHash } from '../model/leg-hash.ts';
import { Model } from '../model/model.ts';
import type { ModelTransfer } from '../model/model-state.ts';
import { statusNow } from '../model/model-status.ts';
import {
  differingAccountField,
  differingChangeField,
  differingTransferField,
  openedAs,
} from '../../core/validate/same-request.ts';
import { transferIdOf } from '../../core/transfer-id.ts';
import { validateChange, validateOpening } from '../../core/validate/validate-account.ts';
import { decidingAccountOf, validateTransfer } from '../../core/validate/validate-transfer.ts';
import { bookOf } from '../../core/account-id.ts';
import { checkBook, checkOutcome, openedAccount } from './agreement.ts';
import type { RandomHistory, HistoryStep } from './random-history.ts';
import type { DeliverStep } from './steps.ts';
import { type PostingLane, type Pending, type SimBook, simBooks } from '../books/sim-book.ts';
import { checkInFlight, JournalFold } from '../books/invariants.ts';
import { OutcomeCoverage } from './outcome-coverage.ts';
import { closeOf, dueHolds, sentCaptures, sentLegs } from '../books/sent-legs.ts';

/** The first request of a key, and what comes of it. */
type Decided =
  | {
      readonly kind: 'transfer';
      readonly request: CreateTransferRequest;
      readonly pending: Pending<command.TransferOutcome>;
    }
  | {
      readonly kind: 'change';
      readonly request: ChangeAccountRequest;
      readonly pending: Pending<command.ChangeOutcome>;
    };

/**
 * Runs one history through post() and through the model at the same time, and throws as soon as
 * they differ or an invariant is broken. Keys that are known are answered here, as the leader
 * does; what stands for the sender and the settlement service is as simple as possible.
 */
export class HistoryRun {
  readonly books: readonly SimBook[];
  readonly #model: Model;
  readonly #folds: readonly JournalFold[];
  /** How many batches of a book have been folded, and transfers compared. */
  readonly #taken = new Map<SimBook, number>();
  readonly #checked = new Map<SimBook, number>();
  readonly #cutAlways: boolean;
  readonly #coverage: OutcomeCoverage;
  readonly #decided = new Map<string, Decided>();
  readonly #opened = new Map<string, OpenAccountRequest>();
  /** To be compared once the batch is posted. */
  #checks: (() => void)[] = [];

  /** @param cutAlways true: every step is posted on its own, whatever the history plans */
  constructor(
    history: RandomHistory,
    cutAlways = false,
    coverage = new OutcomeCoverage(),
    lane: PostingLane = 'general',
  ) {
    this.books = simBooks(history.books, lane);
    this.#model = new Model(this.books);
    this.#folds = this.books.map(() => new JournalFold());
    this.#cutAlways = cutAlways;
    this.#coverage = coverage;
    for (const { number, nowMicros } of this.books) this.#model.book(number).now = nowMicros;
  }

  run(steps: readonly HistoryStep[]): void {
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
    for (const book of this.#model.books) {
      for (const transfer of book.transfers) this.#count(transfer);
    }
  }

  #step(step: HistoryStep): void {
    switch (step.kind) {
      case 'open':
        this.#open(this.#book(step.book), step.request, step.regionBooks);
        break;
      case 'transfer':
        this.#transfer(step.request);
        break;
      case 'change':
        this.#change(step.request);
        break;
      case 'asset':
        for (const book of this.books) this.#register(book, step.request);
        break;
      case 'deliver':
        if (step.from !== step.to) this.#deliver(step);
        break;
      case 'pass':
        this.#pass(this.#book(step.book), step.micros);
        break;
      case 'sweep':
        this.#sweep(this.#book(step.book));
        break;
      case 'forget':
        this.#book(step.book).flush();
        this.#book(step.book).forget();
        break;
    }
  }

  #book(number: number): SimBook {
    return must(this.books[number - 1], `book ${number} exists`);
  }

  #open(book: SimBook, request: OpenAccountRequest, regionBooks: RegionBooks = []): void {
    assert.deepEqual(validateOpening(request), []);
    const expected = this.#model.open(book.number, request, regionBooks);
    const { reason, differingField, replayed } = expected;
    if (reason !== Reason.UNSPECIFIED) this.#coverage.count('NOT_OPENED', reason);
    const name = `${book.number} ${request.externalId}`;
    const first = this.#opened.get(name);
    if (first !== undefined) {
      assert.equal(differingAccountField(openedAs(first), openedAs(request)), differingField);
      assert.ok(replayed || reason !== Reason.UNSPECIFIED);
      return;
    }
    const { notOwned } = expected;
    if (notOwned !== undefined) {
      const sentAway = book.open(request, regionBooks);
      this.#checks.push(() =>
        assert.deepEqual(sentAway.outcome, { kind: 'notOwned', why: notOwned }),
      );
      return;
    }
    if (reason === Reason.UNSPECIFIED) this.#opened.set(name, request);
    const modelBook = this.#model.book(book.number);
    const seq = modelBook.rows;
    const scale = scaleNow(modelBook, assetParts(request.asset).code);
    const pending = book.open(request, regionBooks);
    this.#checks.push(() => {
      const { account } = expected;
      assert.deepEqual(pending.outcome, {
        kind: 'open',
        account: account === undefined ? null : openedAccount(account),
        scale,
        reason,
        seq,
      });
    });
  }

  #transfer(request: CreateTransferRequest): void {
    assert.deepEqual(validateTransfer(request), []);
    const answer = this.#model.transfer(request);
    const book = this.#book(bookOf(decidingAccountOf(request)));
    const id = transferIdOf(request.namespace, request.idempotencyKey);
    const earlier = this.#decided.get(`${book.number} ${id}`);
    this.#count(answer.transfer, answer.differingField);
    if (earlier === undefined) {
      const pending = book.transfer(id, request);
      this.#decided.set(`${book.number} ${id}`, { kind: 'transfer', request, pending });
      const { transfer } = answer;
      this.#checks.push(() => checkOutcome(pending.outcome, must(transfer, 'it is decided')));
    } else {
      const field =
        earlier.kind === 'transfer' ? differingTransferField(earlier.request, request) : 'kind';
      assert.equal(field, answer.differingField);
    }
    assert.equal(answer.replayed, earlier !== undefined && answer.differingField === '');
  }

  #change(request: ChangeAccountRequest): void {
    assert.deepEqual(validateChange(request), []);
    const answer = this.#model.change(request);
    const book = this.#book(bookOf(request.accountId));
    const id = transferIdOf(request.namespace, request.idempotencyKey);
    const earlier = this.#decided.get(`${book.number} ${id}`);
    const { reason } = answer;
    this.#coverage.count(reason === Reason.UNSPECIFIED ? 'CHANGED' : 'NOT_CHANGED', reason);
    if (earlier === undefined) {
      const pending = book.add<command.ChangeOutcome>({ kind: 'change', id, request });
      this.#decided.set(`${book.number} ${id}`, { kind: 'change', request, pending });
      const seq = answer.change?.seq;
      this.#checks.push(() => assert.deepEqual(pending.outcome, { kind: 'change', reason, seq }));
    } else {
      const field =
        earlier.kind === 'change' ? differingChangeField(earlier.request, request) : 'kind';
      assert.equal(field, answer.differingField);
    }
    assert.equal(answer.replayed, earlier !== undefined && answer.differingField === '');
  }

  #register(book: SimBook, request: RegisterAssetRequest): void {
    const registration = this.#model.register(book.number, request.asset, request.scale);
    const seq = this.#model.book(book.number).rows;
    const pending = book.add<command.AssetOutcome>({ kind: 'asset', request });
    this.#checks.push(() =>
      assert.deepEqual(pending.outcome, { kind: 'asset', ...registration, seq }),
    );
  }

  /** Requests from before the clock moved belong to the time before. */
  #pass(book: SimBook, micros: number): void {
    book.flush();
    book.nowMicros += micros;
    this.#model.book(book.number).now = book.nowMicros;
  }

  #sweep(book: SimBook): void {
    book.flush();
    // More than the sweep would name: what has ended or is not due must stay as it is.
    const holds = dueHolds(book.rows, Infinity);
    const { cursor } = dueHolds(book.rows, book.nowMicros).at(-1) ?? {};
    const swept = cursor ?? { expiresAtMicros: 0, seq: 0 };
    const ids = holds.map(({ id }) => id);
    const expired = this.#model.expire(book.number, ids);
    const { seq = 0, atMicros = 0 } = book.rows.at(-1) ?? {};
    const seen = { seq, atMicros };
    const pending = book.add<command.ExpireOutcome>({ kind: 'expire', holds: ids, swept, seen });
    this.#checks.push(() => assert.deepEqual(pending.outcome, { kind: 'expire', expired }));
  }

  /** The sender reads its journal, calls, and closes what was answered. */
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
    // Unanswered, the legs may share a batch with what is asked next.
    if (step.answerLost) return;
    to.flush();
    const { applied } = to.channel(from.number);
    if (applied <= settled) return;
    const refusals = this.#model.refusals(from.number, to.number, settled + 1, applied);
    const answered = { after: settled, through: applied };
    const hash = modelHash(sentLegs(from, to.number).slice(0, applied));
    const close = { ...closeOf(from, to.number, answered, refusals), hash };
    for (let times = step.closeTwice ? 2 : 1; times > 0; times -= 1) this.#close(from, close);
  }

  /** What the settlement service does: skips what was applied, asks the book for the rest. */
  #settle(
    from: SimBook,
    to: SimBook,
    firstNumber: number,
    legs: command.SettleCommand['legs'],
  ): void {
    const before = this.#model.appliedThrough(from.number, to.number);
    this.#model.deliver(from.number, to.number, firstNumber, firstNumber + legs.length - 1);
    const skip = Math.max(0, before + 1 - firstNumber);
    const inOrder = firstNumber + skip === before + 1 && skip < legs.length;
    const through = this.#model.appliedThrough(from.number, to.number);
    // Without anything to skip to, the old number is used: it must be refused.
    const first = inOrder ? before + 1 : firstNumber;
    const hashBefore = modelHash(sentLegs(from, to.number).slice(0, first - 1));
    const captures = sentCaptures(from, to.number);
    const ours = { kind: 'settle', originBook: from.number, hashBefore, captures } as const;
    const sent: command.SettleCommand = inOrder
      ? { ...ours, firstNumber: first, legs: legs.slice(skip) }
      : { ...ours, firstNumber: first, legs };
    const pending = to.add<command.SettleOutcome>(sent);
    const refusals = inOrder
      ? this.#model.refusals(from.number, to.number, before + 1, through)
      : [];
    this.#checks.push(() =>
      assert.deepEqual(pending.outcome, {
        kind: 'settle',
        inOrder,
        agrees: true,
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
    for (const [index, book] of this.books.entries()) {
      const fold = this.#fold(index);
      const taken = this.#taken.get(book) ?? 0;
      for (const batch of book.batches.slice(taken)) fold.take(batch);
      this.#taken.set(book, book.batches.length);
      fold.checkZero();
      const model = this.#model.book(book.number);
      checkBook(book, fold, model, this.#checked.get(book) ?? 0);
      this.#checked.set(book, model.transfers.length);
    }
    for (const [a, from] of this.books.entries()) {
      for (const [b, to] of this.books.entries()) {
        if (a !== b) checkInFlight([from, this.#fold(a)], [to, this.#fold(b)]);
      }
    }
  }

  #fold(index: number): JournalFold {
    return must(this.#folds[index], `book ${index + 1} has its fold`);
  }

  #checkAtRest(from: SimBook, to: SimBook): void {
    if (from === to) return;
    const { sent, settled } = from.channel(to.number);
    const { applied } = to.channel(from.number);
    assert.deepEqual([settled, applied], [sent, sent], 'every leg is answered and closed');
    const hash = { through: sent, value: modelHash(sentLegs(from, to.number)) };
    assert.deepEqual(to.channel(from.number).appliedHash, hash, 'the legs that arrived are hashed');
    assert.deepEqual(from.channel(to.number).settledHash, hash, 'and those that left');
    for (const { asset } of from.stored.values()) {
      const here = this.#fold(from.number - 1).transitBalance(from, to, asset);
      const there = this.#fold(to.number - 1).transitBalance(from, to, asset);
      assert.equal(here + there, 0n, 'I2: nothing is in flight at rest');
    }
  }

  /** Counts what was answered, of a group for each of its legs too. */
  #count(transfer: ModelTransfer | undefined, differingField = ''): void {
    if (differingField !== '' || transfer === undefined) {
      this.#coverage.count('REJECTED', Reason.IDEMPOTENCY_KEY_REUSED);
      return;
    }
    const book = must(
      this.#model.books.find(({ transfers }) => transfers.includes(transfer)),
      'some book has decided it',
    );
    for (const decided of [transfer, ...transfer.legs]) {
      const { status, reason } = statusNow(book, decided);
      const name = transferStatusToJSON(status).replace('TRANSFER_STATUS_', '');
      this.#coverage.count(name, reason);
    }
  }
}
