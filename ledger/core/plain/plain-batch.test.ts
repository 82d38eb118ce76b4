import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import {
  ANY_ACCOUNTS,
  NOTHING_KNOWN,
  plainItems,
  postAll,
  rowsOf,
} from '../../testing/books/plain-works.ts';
import { type SimBook, simBooks } from '../../testing/books/sim-book.ts';
import { accountId } from '../account-id.ts';
import { must } from '../assert.ts';
import { TOTAL_MAX } from '../limits.ts';
import { plainTemplate, PLAIN_ROW_BYTES } from '../row-bytes.ts';
import { transferIdOf } from '../transfer-id.ts';
import { PlainBatch } from './plain-batch.ts';
import { idWords } from './plain-columns.ts';

const BOOK = 1;
const keyOf = (n: number) => `0193a1b2-c3d4-7e5f-8a6b-${n.toString(16).padStart(12, '0')}`;
const transferOf = (n: number, debit: number, credit: number, amount: bigint) =>
  transferRequest({
    idempotencyKey: keyOf(n),
    debitAccountId: accountId(BOOK, debit),
    creditAccountId: accountId(BOOK, credit),
    amount,
  });

const limits = fc.record({
  min: fc.constantFrom(0n, -50n, -(2n ** 62n), undefined, undefined),
  max: fc.constantFrom(undefined, undefined, 50n, 2n ** 60n),
  asset: fc.constantFrom('EUR', 'EUR', 'EUR', 'USD'),
});
const amounts = fc.oneof(
  { weight: 6, arbitrary: fc.bigInt({ min: 1n, max: 40n }) },
  fc.constantFrom(2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n + 1n, TOTAL_MAX),
);
const transfers = fc.record({
  // Number 6 does not exist.
  debit: fc.integer({ min: 1, max: 6 }),
  credit: fc.integer({ min: 1, max: 6 }),
  amount: amounts,
  flush: fc.boolean(),
  hold: fc.nat(20),
});

test('it posts what the general lane would post, to the last bit', () => {
  let posted = 0;
  const opened = fc.array(limits, { minLength: 5, maxLength: 5 });
  const property = fc.property(
    opened,
    fc.array(transfers, { maxLength: 40 }),
    (accounts, story) => {
      const books = [plainBook(), must(simBooks(2)[0], 'there are two')];
      for (const book of books) {
        for (const [n, account] of accounts.entries()) {
          const { asset, min, max } = account;
          book.open(
            openRequest({
              externalId: `account ${n}`,
              asset,
              min:
                min === undefined
                  ? { $case: 'noMinBalance', value: true }
                  : { $case: 'minBalance', value: min },
              ...(max === undefined ? {} : { max: { $case: 'maxBalance', value: max } }),
            }),
          );
        }
        book.flush();
      }
      for (const [n, { debit, credit, amount, flush, hold }] of story.entries()) {
        if (debit === credit) continue;
        const request = transferOf(n, debit, credit, amount);
        if (hold === 0) request.action = { $case: 'hold', value: { timeoutSeconds: 0 } };
        const pending = books.map((book) => book.transfer(transferIdOf('', keyOf(n)), request));
        if (!flush) continue;
        for (const book of books) book.flush();
        assert.deepEqual(pending[0], pending[1]);
      }
      for (const book of books) book.flush();
      const [plain, general] = books;
      expect(plain?.rows).toEqual(general?.rows);
      expect(plain?.stored).toEqual(general?.stored);
      posted += plain?.plain ?? 0;
    },
  );
  fc.assert(property, { numRuns: 400 });
  expect(posted).toBeGreaterThan(150);
});

function plainBook(): SimBook {
  return must(simBooks(2, 'plain')[0], 'there are two');
}

const STAMP = { book: BOOK, epoch: 3, seqBefore: 2 ** 40, atMicros: 1_764_000_000_000_001 };
const itemsOf = (numbers: readonly number[]) =>
  must(
    plainItems(
      numbers.map((n) => transferOf(n, 1, 2, 5n)),
      BOOK,
    ),
    'they are plain',
  );

test('a key that repeats one of the batch is refused, and changes nothing', () => {
  const batch = new PlainBatch(10, STAMP);
  expect(postAll(batch, itemsOf([1, 2, 1, 3]), ANY_ACCOUNTS)).toBe(2);
  expect(postAll(batch, itemsOf([2]), ANY_ACCOUNTS)).toBe(0);
  expect(rowsOf(batch).map(({ id }) => id)).toEqual([keyOf(1), keyOf(2)]);
  expect([batch.has(keyOf(3)), batch.has(keyOf(2))]).toEqual([false, true]);
  expect(postAll(batch, itemsOf([3, 4]), ANY_ACCOUNTS)).toBe(2);
  expect(batch.count).toBe(4);
});

test('a key that may be known is refused', () => {
  const batch = new PlainBatch(10, STAMP);
  const words = must(idWords(keyOf(2)), 'it is plain').join(' ');
  const known = { has: (...id: number[]) => id.join(' ') === words };
  expect(postAll(batch, itemsOf([1, 2]), ANY_ACCOUNTS, known)).toBe(1);
  expect(postAll(batch, itemsOf([3]), ANY_ACCOUNTS, known)).toBe(1);
  expect(rowsOf(batch).map(({ id }) => id)).toEqual([keyOf(1), keyOf(3)]);
});

test('what is not moved has no row, and its key is free', () => {
  const moves: string[] = [];
  const accounts = {
    ...ANY_ACCOUNTS,
    slotOf: (number: number) => number,
    words: new Uint32Array(80),
    versions: new Float64Array(10),
    move: (...move: number[]) => move[3] !== 9 && moves.push(move.join(' ')) > 0,
  };
  const batch = new PlainBatch(10, STAMP);
  const requests = [
    transferOf(1, 3, 4, 2n ** 32n + 7n),
    transferOf(2, 4, 5, 9n),
    transferOf(2, 5, 3, 8n),
  ];
  const { columns } = must(plainItems(requests, BOOK), 'they are plain');
  const posted = [0, 1, 2].map((place) => batch.post(columns, place, accounts, NOTHING_KNOWN));
  expect(posted).toEqual([true, false, true]);
  expect(moves).toEqual(['3 4 1 7', '5 3 0 8']);
  expect(rowsOf(batch).map(({ id, amount }) => [id, amount])).toEqual([
    [keyOf(1), 2n ** 32n + 7n],
    [keyOf(2), 8n],
  ]);
});

test('an account whose state is not in memory is refused', () => {
  const accounts = { ...ANY_ACCOUNTS, slotOf: (number: number) => (number === 2 ? -1 : 0) };
  const batch = new PlainBatch(10, STAMP);
  expect(postAll(batch, itemsOf([1]), accounts)).toBe(0);
  expect(batch.has(keyOf(1))).toBe(false);
});

test('what it has posted can be drawn on', () => {
  const batch = new PlainBatch(10, STAMP);
  postAll(batch, itemsOf([1, 2]), ANY_ACCOUNTS);
  expect(batch.original(keyOf(2))).toEqual({
    id: keyOf(2),
    kind: 1,
    applied: true,
    debitAccountId: accountId(BOOK, 1),
    creditAccountId: accountId(BOOK, 2),
    amount: 5n,
    left: 5n,
    expiresAtMicros: null,
    endedBy: null,
    closing: false,
  });
  expect(batch.original(keyOf(3))).toBeUndefined();
  expect(batch.seqOf(1)).toBe(STAMP.seqBefore + 2);
  expect(plainTemplate().length).toBe(PLAIN_ROW_BYTES);
});

test.each([1, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 3])(
  'a row has numbers of %i and above exactly',
  (number) => {
    const versions = new Float64Array([number + 5]);
    const accounts = { ...ANY_ACCOUNTS, versions };
    const batch = new PlainBatch(10, { ...STAMP, seqBefore: number });
    const request = transferOf(1, number, number + 1, 5n);
    const items = must(plainItems([request, transferOf(2, 1, 2, 6n)], BOOK), 'they are plain');
    expect(postAll(batch, items, accounts)).toBe(2);
    const [row, next] = rowsOf(batch);
    expect([row?.seq, next?.seq]).toEqual([number + 1, number + 2]);
    expect(row).toMatchObject({
      debitAccount: accountId(BOOK, number),
      creditAccount: accountId(BOOK, number + 1),
      entries: { debitVersion: number + 5, creditVersion: number + 5 },
    });
  },
);
