import { describe, expect, test, vi } from 'vitest';
import { must } from '../../core/assert.ts';
import { RowKind } from '../../core/journal-row.ts';
import { idWords, PlainColumns } from '../../core/plain/plain-columns.ts';
import { EMPTY_ROW } from '../../core/post/batch.ts';
import { PLAIN_AT, plainTemplate } from '../../core/row-bytes.ts';
import { derivedId } from '../../core/transfer-id.ts';
import type { Partition } from '../../store/partition-store.ts';
import { FilterGroup } from './id-filter.ts';
import { type BatchRows, JournalIds, SEGMENT_SEQS } from './journal-ids.ts';
import { KeyTimes } from './key-times.ts';

const idOf = (index: number) => derivedId('test', String(index));

const partition = (first: number, end: number): Partition => ({
  first,
  end,
  ids: true,
  versions: true,
});

const TEN = [partition(1, 11), partition(11, 21), partition(21, 31)];

/** Rows after a seq, of which the first are in the plain form. */
function batch(seqBefore: number, ids: readonly string[], plain = 0): BatchRows {
  const tuples = ids.slice(0, plain).map((id) => {
    const tuple = plainTemplate();
    tuple.write(id.replaceAll('-', ''), PLAIN_AT.id, 'hex');
    return tuple;
  });
  const rows = ids.slice(plain).map((id, index) => {
    const seq = seqBefore + plain + 1 + index;
    return { ...EMPTY_ROW, seq, epoch: 1, atMicros: 1, id, kind: RowKind.transfer };
  });
  const head = { seqBefore, seqAfter: seqBefore + ids.length, atMicros: 1 };
  return { plain: { count: plain, bytes: Buffer.concat(tuples) }, rows, head };
}

const ids = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => idOf(from + index));

test.each([0, 3, 10])(
  'an id of another partition is suspected, %i rows in the plain form',
  (plain) => {
    const journal = new JournalIds();
    journal.extend(TEN, 0);
    journal.addBatch(batch(0, ids(0, 10), plain));
    expect(journal.suspects(batch(10, ids(100, 10), plain))).toEqual([]);
    const twice = batch(10, [...ids(100, 2), idOf(4), ...ids(102, 6), idOf(9)], plain);
    expect(journal.suspects(twice)).toEqual([
      { id: idOf(4), first: 1, end: 11 },
      { id: idOf(9), first: 1, end: 11 },
    ]);
    expect(journal.mayHave(idOf(4))).toBe(true);
    expect(journal.mayHave(idOf(4_000))).toBe(false);
  },
);

test('an id of the same partition is left to the index of that', () => {
  const journal = new JournalIds();
  journal.extend(TEN, 0);
  journal.addBatch(batch(0, ids(0, 5)));
  expect(journal.suspects(batch(5, [idOf(1), idOf(2)]))).toEqual([]);
  // The last rows lie in the next partition.
  const across = batch(5, [idOf(50), idOf(1), ...ids(60, 3), idOf(2)]);
  expect(journal.suspects(across)).toEqual([{ id: idOf(2), first: 1, end: 11 }]);
});

test('an id that a batch has twice is found, in both forms', () => {
  const journal = new JournalIds();
  journal.extend(TEN, 0);
  expect(journal.repeats(batch(5, ids(0, 10), 4))).toBe(false);
  expect(journal.repeats(batch(5, [...ids(0, 9), idOf(2)], 4))).toBe(true);
});

test('what is not known to be complete is suspected of every id', () => {
  const journal = new JournalIds();
  journal.extend(TEN, 15);
  expect(journal.mayHave(idOf(1))).toBe(true);
  expect(journal.suspects(batch(15, [idOf(1)]))).toEqual([{ id: idOf(1), first: 1, end: 11 }]);
  for (const segment of journal.segments) {
    if (!segment.complete) journal.completed(segment);
  }
  expect(journal.suspects(batch(15, [idOf(1)]))).toEqual([]);
  expect(journal.mayHave(idOf(1))).toBe(false);
});

test('an id is looked for in few runs of partitions, however many have no filter yet', () => {
  const journal = new JournalIds();
  const partitions = Array.from({ length: 30 }, (_, index) =>
    partition(index * 10 + 1, index * 10 + 11),
  );
  journal.extend(partitions, 295);
  const [id] = ids(1_000, 1);
  expect(journal.suspects(batch(295, ids(1_000, 1)))).toEqual([{ id, first: 1, end: 291 }]);
  const ninth = must(journal.segments[8], 'there are thirty');
  journal.completed(ninth);
  expect(journal.suspects(batch(295, ids(1_000, 1)))).toEqual([
    { id, first: 1, end: 81 },
    { id, first: 91, end: 291 },
  ]);
});

test('a partition of many rows has several filters', () => {
  const journal = new JournalIds();
  journal.extend(
    [partition(1, 2 * SEGMENT_SEQS + 11), partition(2 * SEGMENT_SEQS + 11, 2 * SEGMENT_SEQS + 21)],
    0,
  );
  expect(journal.segments.map(({ first, end }) => [first, end])).toEqual([
    [1, SEGMENT_SEQS + 1],
    [SEGMENT_SEQS + 1, 2 * SEGMENT_SEQS + 1],
    [2 * SEGMENT_SEQS + 1, 2 * SEGMENT_SEQS + 11],
    [2 * SEGMENT_SEQS + 11, 2 * SEGMENT_SEQS + 21],
  ]);
  journal.addBatch(batch(SEGMENT_SEQS, ids(0, 2)));
  // The index of the partition covers all of its filters.
  expect(journal.suspects(batch(2 * SEGMENT_SEQS, [idOf(0)]))).toEqual([]);
  expect(journal.suspects(batch(2 * SEGMENT_SEQS + 10, [idOf(0)]))).toEqual([
    { id: idOf(0), first: SEGMENT_SEQS + 1, end: 2 * SEGMENT_SEQS + 1 },
  ]);
});

test('more partitions than one group holds are all looked at', () => {
  const journal = new JournalIds();
  const partitions = Array.from({ length: 30 }, (_, index) =>
    partition(index * 10 + 1, index * 10 + 11),
  );
  journal.extend(partitions, 0);
  for (let index = 0; index < 29; index += 1)
    journal.addBatch(batch(index * 10, ids(index * 10, 10)));
  for (let index = 0; index < 29; index += 1) {
    expect(journal.suspects(batch(290, [idOf(index * 10 + 5)]))).toContainEqual({
      id: idOf(index * 10 + 5),
      first: index * 10 + 1,
      end: index * 10 + 11,
    });
  }
});

/** An id of version 7, as plain transfers have. */
const plainOf = (index: number) => `${idOf(index).slice(0, 14)}7${idOf(index).slice(15)}`;

function columnsOf(indexes: readonly number[]): PlainColumns {
  const columns = new PlainColumns(indexes.length);
  for (const index of indexes) {
    const words = idWords(plainOf(index));
    if (words !== undefined) columns.ids.set(words, columns.count * 4);
    columns.count += 1;
  }
  return columns;
}

test('of plain ids it is known which the journal may have, once its filters are complete', () => {
  const columns = columnsOf([100, 3, 101, 12]);
  const journal = new JournalIds();
  journal.extend([partition(1, 11)], 5);
  expect(journal.absenceOf(columns)).toBeUndefined();
  const fresh = new JournalIds();
  fresh.extend(TEN, 0);
  const rows = Array.from({ length: 20 }, (_, index) => plainOf(index));
  fresh.addBatch(batch(0, rows.slice(0, 10), 10));
  fresh.addBatch(batch(10, rows.slice(10), 0));
  expect(fresh.absenceOf(columns)).toEqual({ seq: 20, doubtful: [1, 3] });
});

test('ids that were shown to be absent are suspected only of partitions begun since', () => {
  const journal = new JournalIds();
  journal.extend(TEN, 0);
  const plainIds = (indexes: readonly number[]) => indexes.map(plainOf);
  const [mine, other] = [
    [50, 51, 3, 52],
    [60, 61, 50, 62, 63, 64, 65, 66, 67, 68],
  ];
  journal.addBatch(batch(0, plainIds([1, 2, 3, 4]), 4));
  const absence = journal.absenceOf(columnsOf(mine));
  expect(absence).toEqual({ seq: 4, doubtful: [2] });
  // A row of id 50 is committed after the filters were asked about it.
  journal.addBatch(batch(4, plainIds(other.slice(0, 3)), 3));
  // The index of the partition, which has all rows since then, refuses the id.
  expect(journal.suspects(batch(7, plainIds([50, 51, 52]), 3), { seq: 4, doubtful: [] })).toEqual(
    [],
  );
  journal.addBatch(batch(7, plainIds(other.slice(3, 6)), 3));
  // It does not when these rows lie in the next one, and neither if the batch begins before it.
  const suspected = { first: 1, end: 11 };
  expect(journal.suspects(batch(10, plainIds(mine), 4), absence)).toEqual([
    { id: plainOf(50), ...suspected },
    { id: plainOf(3), ...suspected },
  ]);
  const across = batch(9, plainIds(mine), 4);
  expect(journal.suspects(across, absence)).toEqual([{ id: plainOf(3), ...suspected }]);
  // What the filters could not exclude is suspected in any case, and so are other rows.
  const later = { seq: 10, doubtful: [2] };
  expect(journal.suspects(batch(10, plainIds([70, 71, 3, 72]), 3), later)).toEqual([
    { id: plainOf(3), ...suspected },
  ]);
  expect(journal.suspects(batch(10, plainIds([70, 71, 73, 4]), 3), later)).toEqual([
    { id: plainOf(4), ...suspected },
  ]);
});

/** An id of version 7 that was made at this millisecond. */
const madeAt = (ms: number, index: number) => {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7${idOf(index).slice(15)}`;
};

describe('ids that state when they were made', () => {
  const NOW = 1_764_000_000_000;
  const PARTITIONS = Array.from({ length: 100 }, (_, index) =>
    partition(index * 10 + 1, index * 10 + 11),
  );
  const timed = (seqBefore: number, all: readonly string[], at = NOW): BatchRows => {
    const rows = batch(seqBefore, all, all.length);
    return { ...rows, head: { ...rows.head, atMicros: at * 1_000 } };
  };
  /** 90 partitions of ten rows, a second apart. */
  const filled = (idAt = (ms: number, index: number) => madeAt(ms, index)) => {
    const journal = new JournalIds();
    journal.extend(PARTITIONS, 0);
    for (let index = 0; index < 90; index += 1) {
      const at = NOW + index * 1_000;
      const rows = Array.from({ length: 10 }, (_, row) => idAt(at + row, index * 10 + row));
      journal.addBatch(timed(index * 10, rows, at));
    }
    return journal;
  };

  test('are looked for in the newest filters alone, and none is missed', () => {
    const journal = filled();
    const asked = vi.spyOn(FilterGroup.prototype, 'filtersWith');
    expect(journal.mayHave(madeAt(NOW + 90_000, 5_000))).toBe(false);
    expect(asked).toHaveBeenCalledTimes(0);
    expect(journal.mayHave(madeAt(NOW + 89_005, 5_000))).toBe(false);
    expect(asked).toHaveBeenCalledTimes(1);
    for (let index = 0; index < 900; index += 1) {
      const id = madeAt(NOW + Math.floor(index / 10) * 1_000 + (index % 10), index);
      expect(journal.mayHave(id)).toBe(true);
      expect(journal.suspects(timed(900, [id]))).toHaveLength(1);
    }
    // One without a time may be in any of them.
    asked.mockClear();
    expect(journal.mayHave(idOf(7_000))).toBe(false);
    expect(asked.mock.calls.length).toBeGreaterThan(10);
    asked.mockRestore();
  });

  test('are found even if they were ahead of the clock, however many', () => {
    // Every tenth payer is a day ahead.
    const ahead = (ms: number, index: number) =>
      madeAt(index % 10 === 3 ? ms + 86_400_000 : ms, index);
    const journal = filled(ahead);
    for (let index = 0; index < 900; index += 1) {
      const id = ahead(NOW + Math.floor(index / 10) * 1_000 + (index % 10), index);
      expect(journal.mayHave(id)).toBe(true);
    }
    const asked = vi.spyOn(FilterGroup.prototype, 'filtersWith');
    expect(journal.mayHave(madeAt(NOW + 90_000, 5_000))).toBe(false);
    expect(asked).toHaveBeenCalledTimes(0);
    asked.mockRestore();
    const many = new JournalIds();
    many.extend([partition(1, 3_001), partition(3_001, 6_001)], 0);
    const rows = Array.from({ length: 2_000 }, (_, row) => madeAt(NOW + 90_000_000 + row, row));
    many.addBatch(timed(0, rows));
    for (const id of rows) expect(many.mayHave(id)).toBe(true);
  });

  test('are found when partitions are added behind theirs, of any size', () => {
    const journal = new JournalIds();
    journal.extend([partition(1, 11)], 0);
    const id = madeAt(NOW, 1);
    journal.addBatch(timed(0, [id]));
    journal.extend([partition(1, 11), partition(11, 51)], 1);
    expect(journal.mayHave(id)).toBe(true);
    expect(journal.absenceOf(columnsOf([]))).toEqual({ seq: 1, doubtful: [] });
    expect(journal.suspects(timed(10, [id]))).toEqual([{ id, first: 1, end: 11 }]);
  });

  test('are found in a filter that was restored with its times', () => {
    const before = new JournalIds();
    before.extend(PARTITIONS, 0);
    const rows = [madeAt(NOW, 1), madeAt(NOW + 90_000_000, 2)];
    before.addBatch(timed(0, rows));
    const after = new JournalIds();
    after.extend(PARTITIONS, 2);
    const [from] = before.segments;
    const [to] = after.segments;
    if (from === undefined || to === undefined) throw new Error('there are partitions');
    const { storedBytes } = from.place.group;
    const bits = new Uint8Array(storedBytes);
    from.place.group.copyOut(from.bit, bits, 0, storedBytes);
    to.place.group.copyIn(to.bit, bits, 0, storedBytes);
    to.times.restore(from.times.toBytes());
    after.completed(to);
    expect(rows.map((id) => after.mayHave(id))).toEqual([true, true]);
    expect(after.mayHave(madeAt(NOW, 3))).toBe(false);
  });

  test('have their times stored with their filter', () => {
    const times = new KeyTimes();
    for (const time of [NOW, NOW + 1, -1, NOW + 90_000_000]) times.add(time, NOW);
    const restored = new KeyTimes();
    restored.restore(times.toBytes());
    expect(restored).toEqual(times);
    expect([restored.latest, [...restored.ahead]]).toEqual([NOW + 1, [NOW + 90_000_000]]);
    const earlier = new KeyTimes();
    earlier.restore(new Uint8Array());
    expect(earlier.latest).toBe(Infinity);
  });
});
