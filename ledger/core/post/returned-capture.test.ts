import { expect, test } from 'vitest';
import { Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { type SimBook, simBooks } from '../../testing/books/sim-book.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import { closeOf, sentLegs } from '../../testing/books/sent-legs.ts';
import { accountId } from '../account-id.ts';
import type { SettleOutcome, TransferOutcome } from './command.ts';
import { RowKind } from '../journal-row.ts';
import { TOTAL_MAX } from '../limits.ts';
import { transferIdOf } from '../transfer-id.ts';

const PAYER = accountId(1, 1);
const PAYEE = accountId(2, 1);
const HOLD = transferIdOf('', 'hold');

/** A hold of 100 in book 1 for a payee in book 2, of a payer who may not overdraw. */
class Story {
  readonly #here: SimBook;
  readonly #there: SimBook;

  constructor({ timeoutSeconds = 0, amount = 100n, funds = 100n } = {}) {
    const [here, there] = simBooks(2);
    if (here === undefined || there === undefined) throw new Error('there are two books');
    this.#here = here;
    this.#there = there;
    here.open(openRequest({ externalId: 'payer', min: undefined }));
    here.open(openRequest({ externalId: 'bank' }));
    there.open(openRequest({ externalId: 'payee' }));
    there.flush();
    here.flush();
    const bank = { debitAccountId: accountId(1, 2), creditAccountId: PAYER };
    this.ask('funds', { ...bank, amount: funds });
    const action = { $case: 'hold', value: { timeoutSeconds } } as const;
    this.ask('hold', { creditAccountId: PAYEE, amount, action });
  }

  ask(key: string, fields: Partial<CreateTransferRequest>): Reason {
    const request = transferRequest({ idempotencyKey: key, debitAccountId: PAYER, ...fields });
    const pending = this.#here.transfer(transferIdOf('', key), request);
    this.#here.flush();
    const outcome: TransferOutcome | undefined = pending.outcome;
    return outcome?.reason ?? Reason.UNRECOGNIZED;
  }

  capture(key: string, amount: bigint, final = false): Reason {
    const action = { $case: 'capture', value: { holdId: HOLD, final } } as const;
    return this.ask(key, { creditAccountId: 0n, amount, action });
  }

  release(key: string): Reason {
    const action = { $case: 'release', value: { holdId: HOLD } } as const;
    return this.ask(key, { creditAccountId: 0n, amount: 0n, action });
  }

  freeze(freeze: Freeze): void {
    const id = transferIdOf('', `freeze ${this.#there.rows.length}`);
    const change = { $case: 'freeze', value: freeze } as const;
    const fields = { idempotencyKey: '', namespace: '', by: '', why: '', dryRun: false };
    const request = { accountId: PAYEE, change, expectedVersion: undefined, ...fields };
    this.#there.add({ kind: 'change', id, request });
    this.#there.flush();
  }

  /** The payee's book answers what it has not yet, and this one takes note of the next `count`. */
  answer(count = Infinity): void {
    const { settled, sent } = this.#here.channel(2);
    const { applied } = this.#there.channel(1);
    const legs = sentLegs(this.#here, 2).slice(applied);
    const settle = { kind: 'settle', originBook: 1, firstNumber: applied + 1, legs } as const;
    const pending = this.#there.add<SettleOutcome>(settle);
    this.#there.flush();
    this.#refusals.push(...(pending.outcome?.refusals ?? []));
    const through = Math.min(sent, settled + count);
    const refusals = this.#refusals.filter(({ number }) => number > settled && number <= through);
    this.#here.add(closeOf(this.#here, 2, { after: settled, through }, refusals));
    this.#here.flush();
  }

  readonly #refusals: { number: number; reason: Reason }[] = [];

  pass(seconds: number): void {
    this.#here.nowMicros += seconds * 1_000_000;
  }

  sweep(): void {
    const cursor = { expiresAtMicros: 0, seq: 0 };
    const seen = { seq: this.#here.rows.length, atMicros: this.#here.nowMicros };
    this.#here.add({ kind: 'expire', holds: [HOLD], swept: cursor, seen });
    this.#here.flush();
  }

  /** Another leader knows only what is in the journal. */
  takeOver(): void {
    this.#here.forget();
  }

  get now() {
    const { credits, debits, heldDebits } = this.#here.stored.get(PAYER) ?? {
      credits: 0n,
      debits: 0n,
      heldDebits: 0n,
    };
    const hold = this.#here.storedOriginal(HOLD);
    return {
      balance: credits - debits,
      held: heldDebits,
      left: hold?.left,
      endedBy: hold?.endedBy,
    };
  }
}

const AS_BEFORE = { balance: 100n, held: 100n, left: 100n, endedBy: null };
const FREE = { balance: 100n, held: 0n, left: 0n };

test.each([
  ['partial', 40n, false],
  ['full', 100n, false],
  ['full, by what is left', 0n, false],
  ['final', 30n, true],
  ['final and full', 100n, true],
])('a capture that comes back (%s) leaves its hold as it was', (_, amount, final) => {
  for (const takesOver of [false, true]) {
    const story = new Story();
    story.freeze(Freeze.IN);
    expect(story.capture('first', amount, final)).toBe(Reason.UNSPECIFIED);
    if (takesOver) story.takeOver();
    story.answer();
    expect(story.now).toEqual(AS_BEFORE);
    if (takesOver) story.takeOver();
    story.freeze(Freeze.NONE);
    expect(story.capture('again', 0n)).toBe(Reason.UNSPECIFIED);
    story.answer();
    expect(story.now).toEqual({ balance: 0n, held: 0n, left: 0n, endedBy: RowKind.capture });
  }
});

test('what a final capture leaves is reserved until the payee has it, and then free', () => {
  const story = new Story();
  story.capture('final', 30n, true);
  expect(story.now).toEqual({ balance: 70n, held: 70n, left: 70n, endedBy: null });
  expect(story.capture('more', 1n)).toBe(Reason.HOLD_CAPTURED);
  story.takeOver();
  expect(story.release('release')).toBe(Reason.HOLD_CAPTURED);
  story.answer();
  expect(story.now).toEqual({ balance: 70n, held: 0n, left: 0n, endedBy: RowKind.rest });
  expect(story.capture('late', 1n)).toBe(Reason.HOLD_CAPTURED);
});

test('a final capture frees what an earlier one that came back has left too', () => {
  const story = new Story();
  story.freeze(Freeze.IN);
  story.capture('refused', 40n);
  story.answer(0);
  story.freeze(Freeze.NONE);
  story.capture('final', 60n, true);
  story.answer(1);
  expect(story.now).toEqual({ balance: 40n, held: 40n, left: 40n, endedBy: null });
  story.takeOver();
  expect(story.capture('more', 1n)).toBe(Reason.HOLD_CAPTURED);
  story.answer();
  expect(story.now).toEqual({ balance: 40n, held: 0n, left: 0n, endedBy: RowKind.rest });
});

test('a hold whose time is up does not come back: the money is free', () => {
  for (const [amount, final] of [
    [40n, false],
    [100n, false],
    [30n, true],
  ] as const) {
    for (const sweepsFirst of [true, false]) {
      const story = new Story({ timeoutSeconds: 5 });
      story.freeze(Freeze.IN);
      story.capture('first', amount, final);
      story.pass(5);
      if (sweepsFirst) story.sweep();
      story.takeOver();
      story.answer();
      story.sweep();
      expect(story.now).toMatchObject(FREE);
      expect(story.capture('late', 1n)).toBe(Reason.HOLD_EXPIRED);
    }
  }
});

test('a hold that was released meanwhile stays released: the money is free', () => {
  const story = new Story();
  story.freeze(Freeze.IN);
  story.capture('first', 40n);
  story.release('release');
  story.answer();
  expect(story.now).toEqual({ ...FREE, endedBy: RowKind.release });
  expect(story.capture('late', 1n)).toBe(Reason.HOLD_RELEASED);
});

test('captures that come back again and again never overflow a total', () => {
  const story = new Story({ amount: TOTAL_MAX / 2n, funds: TOTAL_MAX / 2n });
  story.freeze(Freeze.IN);
  const reasons = [1, 2, 3, 4, 5].map((number) => {
    const reason = story.capture(`capture ${number}`, 0n);
    story.answer();
    return reason;
  });
  expect(new Set(reasons)).toEqual(new Set([Reason.UNSPECIFIED, Reason.OVERFLOW]));
  expect(story.now.held).toBe(TOTAL_MAX / 2n);
});
