import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  candidatesOf,
  continues,
  longerOf,
  malformedRegionBooks,
  ownerOf,
  regionBooksOf,
} from './placement.ts';

const names = (count: number) => Array.from({ length: count }, (_, index) => `customer/${index}`);

/** Ascending numbers of books, such as a region may home. */
const regions = fc
  .uniqueArray(fc.integer({ min: 1, max: 32_767 }), { minLength: 1, maxLength: 12 })
  .map((books) => books.toSorted((a, b) => a - b));

test('owners are the same on every machine and with every release', () => {
  // Where an account was opened is found by these: they may never change.
  const owners = ['alice', 'bob', 'merchant/17', 'Ünïcode ✓', ''].map((name) =>
    candidatesOf(name, [1, 4, 9, 12]),
  );
  expect(owners).toEqual([[1, 4, 9, 12], [1, 4, 9], [1, 4], [1], [1, 4, 9, 12]]);
});

test('a region with one book has one owner', () => {
  expect(ownerOf('alice', [7])).toBe(7);
  expect(candidatesOf('alice', [7])).toEqual([7]);
  expect(() => ownerOf('alice', [])).toThrow('a region homes a book');
});

test('a book that joins takes names from all others, and none moves between those', () => {
  fc.assert(
    fc.property(fc.string(), regions, fc.integer({ min: 1, max: 100 }), (name, before, step) => {
      const joined = (before.at(-1) ?? 0) + step;
      const [owner, now] = [ownerOf(name, before), ownerOf(name, [...before, joined])];
      expect([owner, joined]).toContain(now);
    }),
  );
});

test('candidates are the distinct owners over all prefixes, in their order', () => {
  fc.assert(
    fc.property(fc.string(), regions, (name, books) => {
      const owners = books.map((_, place) => ownerOf(name, books.slice(0, place + 1)));
      expect(candidatesOf(name, books)).toEqual([...new Set(owners)]);
      // A shorter list names fewer of them, in the same order.
      const before = candidatesOf(name, books.slice(0, Math.ceil(books.length / 2)));
      expect(continues(candidatesOf(name, books), before)).toBe(true);
    }),
  );
});

test.each([2, 3, 5, 8])('names are spread evenly over %d books', (count) => {
  const books = Array.from({ length: count }, (_, index) => 3 * index + 1);
  const total = 5_000;
  const owned = new Map(books.map((book) => [book, 0]));
  let asked = 0;
  for (const name of names(total)) {
    const candidates = candidatesOf(name, books);
    asked += candidates.length;
    const owner = ownerOf(name, books);
    owned.set(owner, (owned.get(owner) ?? 0) + 1);
  }
  const share = total / count;
  // Seven standard deviations: a fair hash is never beyond them, and these names are fixed.
  const off = 7 * Math.sqrt(share);
  for (const owns of owned.values()) expect(Math.abs(owns - share)).toBeLessThan(off);
  const harmonic = books.reduce((sum, _, index) => sum + 1 / (index + 1), 0);
  expect(asked / total).toBeCloseTo(harmonic, 1);
});

test('of two lists the longer one holds, unless they contradict each other', () => {
  expect(longerOf([1], [1, 4])).toEqual([1, 4]);
  expect(longerOf([1, 4], [1])).toEqual([1, 4]);
  expect(longerOf([], [2])).toEqual([2]);
  expect(longerOf([1, 4], [1, 5])).toBeUndefined();
  expect(longerOf([2], [1, 2])).toBeUndefined();
});

test('the books of a region stand in the order of their numbers', () => {
  const books = [
    { number: 9, region: 'eu' },
    { number: 2, region: 'us' },
    { number: 1, region: 'eu' },
  ];
  expect(regionBooksOf(books, 'eu')).toEqual([1, 9]);
  expect(regionBooksOf(books, 'ap')).toEqual([]);
});

test.each([[[1, 4]], [[4]], [[1, 4, 32_767]]])('book 4 accepts the list %j', (list) => {
  expect(malformedRegionBooks(list, 4)).toBeUndefined();
});

test.each([
  [[], 'must contain book 4'],
  [[1, 5], 'must contain book 4'],
  [[4, 1], 'must be ascending'],
  [[4, 4], 'must be ascending'],
  [[0, 4], 'must be ascending'],
  [[4, 40_000], 'must be ascending'],
])('book 4 refuses the list %j', (list, wrong) => {
  expect(malformedRegionBooks(list, 4)).toContain(wrong);
});
