import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { accountId, accountNumberOf, bookOf, isAccountId } from './account-id.ts';

const books = fc.integer({ min: 1, max: 32_767 });
const numbers = fc.integer({ min: 1, max: 2 ** 48 - 1 });

test('an id gives back its book and its number, and fits 63 bits', () => {
  const edges: [number, number][] = [
    [1, 1],
    [1, 2 ** 48 - 1],
    [32_767, 1],
    [32_767, 2 ** 48 - 1],
  ];
  fc.assert(
    fc.property(books, numbers, (book, number) => {
      const id = accountId(book, number);
      expect([bookOf(id), accountNumberOf(id), isAccountId(id)]).toEqual([book, number, true]);
      expect(id).toBe((BigInt(book) << 48n) | BigInt(number));
      expect(id).toBeLessThan(2n ** 63n);
    }),
    { examples: edges },
  );
});

test('every number of 64 bits is taken apart exactly', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (id) => {
      expect(bookOf(id)).toBe(Number(id >> 48n));
      expect(accountNumberOf(id)).toBe(Number(BigInt.asUintN(48, id)));
    }),
  );
});

test('different accounts have different ids', () => {
  fc.assert(
    fc.property(books, numbers, books, numbers, (a, x, b, y) => {
      expect(accountId(a, x) === accountId(b, y)).toBe(a === b && x === y);
    }),
  );
});

test.each([
  ['zero', 0n],
  ['minus one', -1n],
  ['the smallest number', -(2n ** 63n)],
  ['a number without a book', 5n],
  ['the largest number without a book', 2n ** 48n - 1n],
  ['a book without a number', 2n ** 48n],
  ['a negative book', -(2n ** 48n) + 1n],
])('%s is not an account id', (_, id) => {
  expect(isAccountId(id)).toBe(false);
});

test.each([
  [0, 1],
  [32_768, 1],
  [-1, 1],
  [1, 0],
  [1, 2 ** 48],
])('book %d and number %d make no account id', (book, number) => {
  expect(() => accountId(book, number)).toThrow(/out of range/u);
});
