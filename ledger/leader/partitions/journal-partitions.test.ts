import { expect, test } from 'vitest';
import type { Partition } from '../../store/partition-store.ts';
import { JournalPartitions } from './journal-partitions.ts';

const partition = (first: number, versions = true): Partition => ({
  first,
  end: first + 100,
  ids: true,
  versions,
});

/** As a leader sees them that has taken over with the row `seq`. */
function loaded(seq: number, all: Partition[]): Promise<JournalPartitions> {
  const store = { read: () => Promise.resolve(all), anyExists: () => Promise.resolve(false) };
  return JournalPartitions.load(store, seq);
}

/** The journal ends at `seq` now. */
function appendedTo(partitions: JournalPartitions, seq: number): void {
  const head = { seqBefore: partitions.seq, seqAfter: seq, atMicros: 1 };
  partitions.committed({ plain: null, rows: [], head });
}

const firsts = (partitions: JournalPartitions) => partitions.notPinned.map(({ first }) => first);

test('loads leave out the partitions whose rows are all by this leader, until they are full', async () => {
  const partitions = await loaded(150, [partition(1), partition(101), partition(201)]);
  expect(firsts(partitions)).toEqual([1, 101]);
  appendedTo(partitions, 200);
  expect(firsts(partitions)).toEqual([1, 101]);
  appendedTo(partitions, 201);
  expect(firsts(partitions)).toEqual([1, 101]);
  expect([partitions.openPlace, partitions.pinnedPlace]).toEqual([3, 3]);
  partitions.update([partition(1), partition(101), partition(201), partition(301)]);
  appendedTo(partitions, 301);
  // The one before has its indexes.
  expect(firsts(partitions)).toEqual([1, 101, 201]);
  expect([partitions.openPlace, partitions.pinnedPlace]).toEqual([4, 4]);
});

test('a bare partition is left out until its indexes are built, and all after it with it', async () => {
  const partitions = await loaded(1, [partition(1), partition(101), partition(201)]);
  // The row of a take-over changes no account.
  expect(firsts(partitions)).toEqual([]);
  expect(partitions.bare(1)).toBe(true);
  appendedTo(partitions, 250);
  expect(firsts(partitions)).toEqual([]);
  expect([partitions.openPlace, partitions.pinnedPlace]).toEqual([3, 1]);
  partitions.update([partition(1), partition(101), partition(201)]);
  expect(firsts(partitions)).toEqual([1, 101]);
});

test('indexes are taken from no partition that accounts were forgotten in', async () => {
  const partitions = await loaded(50, [partition(1), partition(101), partition(201)]);
  // The leader before has posted in it.
  expect(partitions.bare(1)).toBe(false);
  appendedTo(partitions, 201);
  // It is full, and was loaded from since.
  expect(partitions.bare(101)).toBe(false);
  expect(partitions.bare(201)).toBe(true);
  expect(partitions.bare(301)).toBe(false);
});

test('a partition that lost its indexes unseen is loaded from all the same', async () => {
  const partitions = await loaded(1, [partition(1), partition(101)]);
  appendedTo(partitions, 120);
  expect(firsts(partitions)).toEqual([1]);
  partitions.update([partition(1, false), partition(101)]);
  expect(firsts(partitions)).toEqual([1]);
});

test('partitions that are there only later are pinned from their first row on', async () => {
  const partitions = await loaded(100, [partition(1)]);
  partitions.update([partition(1), partition(101, false)]);
  appendedTo(partitions, 140);
  expect(firsts(partitions)).toEqual([1]);
  expect(partitions.pinnedPlace).toBe(2);
});
