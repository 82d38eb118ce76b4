import { expect, test } from 'vitest';
import { must } from '../core/assert.ts';
import { accountId } from '../core/account-id.ts';
import { PlainBatch } from '../core/plain/plain-batch.ts';
import { idWords } from '../core/plain/plain-columns.ts';
import { transferRequest } from '../testing/books/book-requests.ts';
import { ANY_ACCOUNTS, plainItems, postAll } from '../testing/books/plain-works.ts';
import { fingerprintOf } from './known-key.ts';
import { RecentPlainKeys } from './recent-plain-keys.ts';

const BOOK = 1;
const keyOf = (n: number) => `0193a1b2-c3d4-7e5f-8a6b-${n.toString(16).padStart(12, '0')}`;
const requestOf = (n: number) =>
  transferRequest({
    idempotencyKey: keyOf(n),
    debitAccountId: accountId(BOOK, n + 1),
    creditAccountId: accountId(BOOK, 2 ** 40),
    amount: 2n ** 62n - BigInt(n),
  });

/** A committed batch of the transfers of these numbers. */
function batchOf(numbers: readonly number[], seqBefore: number): PlainBatch {
  const stamp = { book: BOOK, epoch: 5, seqBefore, atMicros: 1_000 + seqBefore };
  const batch = new PlainBatch(numbers.length, stamp);
  const items = plainItems(numbers.map(requestOf), BOOK);
  expect(postAll(batch, must(items, 'they are plain'), ANY_ACCOUNTS)).toBe(numbers.length);
  return batch;
}

const has = (keys: RecentPlainKeys, id: string) => keys.has(...must(idWords(id), 'it is plain'));

test('what the plain lane has decided is known with its outcome', () => {
  const keys = new RecentPlainKeys(BOOK, 4);
  keys.add(batchOf([1, 2], 10));
  expect(has(keys, keyOf(2))).toBe(true);
  expect(has(keys, keyOf(3))).toBe(false);
  expect(keys.get(keyOf(2))).toEqual({
    fingerprint: fingerprintOf(requestOf(2)),
    reason: 0,
    epoch: 5,
    seq: 12,
    atMicros: 1_010,
    partial: false,
  });
  expect(keys.get(keyOf(3))).toBeUndefined();
  expect(keys.get('order-1')).toBeUndefined();
});

test('of what the general lane has decided it is known that there is an outcome', () => {
  const keys = new RecentPlainKeys(BOOK, 4);
  keys.mark(keyOf(1));
  keys.mark('order-1');
  keys.mark(keyOf(1));
  expect(has(keys, keyOf(1))).toBe(true);
  expect(keys.get(keyOf(1))).toBeUndefined();
  keys.add(batchOf([2], 0));
  keys.mark(keyOf(2));
  expect(keys.get(keyOf(2))?.seq).toBe(1);
});

test('the last generation is always there, and old ones are let go', () => {
  const keys = new RecentPlainKeys(BOOK, 10);
  for (let from = 0; from < 98; from += 7) {
    keys.add(
      batchOf(
        [0, 1, 2, 3, 4, 5, 6].map((n) => from + n),
        from,
      ),
    );
  }
  const held = Array.from({ length: 98 }, (_, n) => keys.get(keyOf(n))?.seq);
  for (let n = 88; n < 98; n += 1) expect(held[n]).toBe(n + 1);
  expect(held.filter((seq) => seq !== undefined).length).toBeLessThanOrEqual(20);
  expect(held[0]).toBeUndefined();
});

/** A key of a time, in milliseconds since 1970. */
function madeAt(ms: number, version: number): string {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-${version}e5f-8a6b-7c8d9e0f1a2b`;
}

test('a key made since everything is remembered would be here, and no other', () => {
  let now = 1_764_000_000_000;
  const keys = new RecentPlainKeys(BOOK, 2, () => now);
  const wouldHave = (id: string) => {
    const items = plainItems([{ ...requestOf(1), idempotencyKey: id }], BOOK);
    const { columns } = must(items, 'it is plain');
    const answers = [keys.wouldHaveAll(columns, now), keys.wouldHave(id, now)];
    expect(answers[0]).toBe(answers[1]);
    return answers[0];
  };
  const began = now;
  now += 60_000;
  expect(wouldHave(madeAt(began + 10_000, 7))).toBe(true);
  expect(wouldHave(madeAt(began + 9_999, 7))).toBe(false);
  expect(wouldHave(madeAt(now + 10_000, 7))).toBe(true);
  expect(wouldHave(madeAt(now + 10_001, 7))).toBe(false);
  expect(wouldHave(madeAt(now, 4))).toBe(false);
  // The second generation that is begun ends the first.
  for (const n of [1, 2, 3]) keys.mark(keyOf(n));
  expect(wouldHave(madeAt(began + 10_000, 7))).toBe(true);
  keys.mark(keyOf(4));
  keys.mark(keyOf(5));
  expect(wouldHave(madeAt(began + 69_999, 7))).toBe(false);
  expect(wouldHave(madeAt(began + 70_000, 7))).toBe(true);
});
