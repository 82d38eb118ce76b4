import { expect, test } from 'vitest';
import { topologyProblems } from './topology-problems.ts';
import { defaultTopology, type Topology, type TopologyBook } from './topology.ts';
import { topologyOf } from '../testing/topologies.ts';

const one = topologyOf({ a: 1 });
const book = (over: Partial<TopologyBook>): TopologyBook => ({
  number: 1,
  name: 'a-1',
  region: 'a',
  copies: ['a'],
  ...over,
});
const withBooks = (...books: TopologyBook[]): Topology => ({ ...one, books });

test('the default topology is right, as are one and seven regions with several books', () => {
  expect(topologyProblems(defaultTopology)).toEqual([]);
  expect(topologyProblems(one)).toEqual([]);
  const seven = topologyOf({ a: 1, b: 2, c: 3, d: 1, e: 1, f: 1, g: 4 });
  expect(topologyProblems(seven)).toEqual([]);
});

test.each<[string, Topology, RegExp]>([
  ['no region', { regions: [], books: [], delays: {} }, /1 to 7 regions, not 0/u],
  ['eight regions', topologyOf({ a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1 }), /not 8/u],
  ['a name that is none', topologyOf({ 'A b': 1 }), /"A b" is not a name of a region/u],
  ['a folder of its own', topologyOf({ logs: 1 }), /no region may be named logs/u],
  ['a region twice', { ...one, regions: ['a', 'a'] }, /two regions named a/u],
  ['a region without books', { ...one, regions: ['a', 'b'] }, /region b homes no book/u],
  ['a database of Postgres', withBooks(book({ name: 'postgres' })), /no book may be named/u],
  ['a name twice', withBooks(book({}), book({ number: 2 })), /two books named a-1/u],
  ['a number twice', withBooks(book({}), book({ name: 'x' })), /two books with the number 1/u],
  ['number 0', withBooks(book({ number: 0 })), /from 1 to 32767, not 0/u],
  ['number 32768', withBooks(book({ number: 32_768 })), /from 1 to 32767, not 32768/u],
  ['another order', withBooks(book({ number: 2 }), book({ name: 'x' })), /listed by their/u],
  ['a strange home', withBooks(book({ region: 'z', copies: ['z'] })), /names region z, which/u],
  ['a strange copy', withBooks(book({ copies: ['a', 'z'] })), /names region z, which/u],
  ['a copy twice', withBooks(book({ copies: ['a', 'a'] })), /two copies in a/u],
  ['no copy at home', withBooks(book({ copies: [] })), /first copy of book a-1 must be in a/u],
  ['a strange delay', { ...one, delays: { 'a~z': 1 } }, /a~z is not between two regions/u],
  ['a negative delay', { ...topologyOf({ a: 1, b: 1 }), delays: { 'a~b': -1 } }, /not -1/u],
])('%s is refused', (_, topology, problem) => {
  expect(topologyProblems(topology).join('\n')).toMatch(problem);
});
