import { expect, test } from 'vitest';
import { growthFrom, growthProblems } from './topology-growth.ts';
import type { Topology, TopologyBook } from './topology.ts';
import { topologyOf } from '../testing/topologies.ts';

const present = topologyOf({ a: 2, b: 1 });

/** Changes books by number. */
function changed(over: Record<number, Partial<TopologyBook>>): Topology {
  return {
    ...present,
    books: present.books.map((book) => ({ ...book, ...over[book.number] })),
  };
}

function withBook(book: Pick<TopologyBook, 'number' | 'name' | 'region'>): Topology {
  const books = [...present.books, { ...book, copies: [book.region] }];
  return { ...present, books: books.toSorted((one, other) => one.number - other.number) };
}

test('the same topology, a further book and a further region at the end can follow', () => {
  expect(growthProblems(present, present)).toEqual([]);
  const book = { number: 4, name: 'b-2', region: 'b' };
  expect(growthProblems(present, withBook(book))).toEqual([]);
  expect(growthFrom(present, withBook(book)).books).toEqual([{ ...book, copies: ['b'] }]);
  const region: Topology = {
    ...present,
    regions: [...present.regions, 'c'],
    books: [...present.books, { number: 9, name: 'c-1', region: 'c', copies: ['c'] }],
  };
  expect(growthProblems(present, region)).toEqual([]);
  expect(growthFrom(present, region).regions).toEqual(['c']);
  // Between the numbers of other regions' books there may be gaps to fill.
  const gap: Topology = changed({ 3: { number: 9, name: 'a-2' } });
  expect(growthProblems(gap, { ...gap, books: [...gap.books] })).toEqual([]);
});

test.each<[string, Topology, RegExp]>([
  ['a region that is gone', topologyOf({ a: 2 }), /region b is missing/u],
  ['a region with another name', topologyOf({ a: 2, c: 1 }), /region b is missing/u],
  ['regions in another order', { ...present, regions: ['b', 'a'] }, /begin with a, b, in this/u],
  ['a region before others', { ...present, regions: ['c', 'a', 'b'] }, /new region comes last/u],
  ['a book that is gone', topologyOf({ a: 1, b: 1 }), /book 3 \(a-2 in a\) is missing/u],
  ['another number', changed({ 3: { number: 5 } }), /a-2 has number 3 for good, not 5/u],
  ['another name', changed({ 2: { name: 'x' } }), /book 2 is named b-1, not x/u],
  ['another home', changed({ 2: { region: 'a' } }), /home of book b-1 is b, not a/u],
])('%s is refused', (_, next, problem) => {
  expect(growthProblems(present, next).join('\n')).toMatch(problem);
});

test('a book with a lower number than others of its region is refused', () => {
  const sparse = changed({ 3: { number: 7 } });
  const added: Topology = {
    ...sparse,
    books: [
      ...sparse.books.slice(0, 2),
      { number: 5, name: 'a-3', region: 'a', copies: ['a'] },
      ...sparse.books.slice(2),
    ],
  };
  expect(growthProblems(sparse, added)).toEqual([
    'the number of book a-3 must be greater than 7, the last one of a',
  ]);
  const other: Topology = {
    ...sparse,
    books: [...sparse.books, { number: 5, name: 'b-2', region: 'b', copies: ['b'] }],
  };
  expect(growthProblems(sparse, other)).toEqual([]);
});
