import { expect, test } from 'vitest';
import { completeBooks } from './test/complete-books.ts';
import { journalRow } from '../testing/database/rows.ts';
import { decodeRow, tupleEnd } from '../core/decode-rows.ts';
import { chainTail, encodeRows, FULL_COLUMNS, TAIL_BYTES } from '../core/row-bytes.ts';

// Among the rows of two books with everything in them none is plain.
const written = completeBooks().flatMap(({ batches }) => batches.flatMap((batch) => batch.rows));
const rows = written.flatMap((row) => [row, journalRow(row.seq + 100)]);

test('every kind of row is read back as it was written, with the bytes that are hashed', () => {
  const { bytes, runs } = encodeRows(rows);
  expect(runs.length).toBeGreaterThan(2);
  let at = 0;
  for (const row of rows) {
    const end = tupleEnd(bytes, at) ?? 0;
    const decoded = decodeRow(bytes, at);
    expect(decoded).toMatchObject({ row, chain: null, recipe: null });
    expect(Buffer.concat(decoded.canonical)).toEqual(bytes.subarray(at, end));
    at = end;
  }
  expect(at).toBe(bytes.length);
});

test('a plain row that is read with all columns has the bytes of its plain form', () => {
  const plain = encodeRows([journalRow(1)]);
  const padding = Buffer.alloc((FULL_COLUMNS.length - 17) * 4, 0xff);
  const count = Buffer.from([0, FULL_COLUMNS.length]);
  const full = Buffer.concat([count, plain.bytes.subarray(2, -TAIL_BYTES), padding]);
  const chain = Buffer.alloc(32, 5);
  const decoded = decodeRow(Buffer.concat([full, chainTail(chain, 2)]), 0);
  expect(Buffer.concat(decoded.canonical)).toEqual(plain.bytes);
  expect(decoded).toMatchObject({ chain, recipe: 2 });
});

test('a tuple that has not arrived as a whole, and the end of a COPY, have no end', () => {
  const { bytes } = encodeRows(rows.slice(0, 1));
  for (let length = 0; length < bytes.length; length += 1) {
    expect(tupleEnd(bytes.subarray(0, length), 0)).toBeUndefined();
  }
  expect(tupleEnd(bytes, 0)).toBe(bytes.length);
  expect(tupleEnd(Buffer.from([0xff, 0xff]), 0)).toBeUndefined();
});

test('what is no row of the journal is refused', () => {
  const { bytes } = encodeRows(rows.slice(0, 1));
  const others = Buffer.from(bytes);
  others.writeInt16BE(3, 0);
  expect(() => decodeRow(others, 0)).toThrow('a tuple of 3 fields is no row of the journal');
  const short = Buffer.from(bytes);
  short.writeInt32BE(4, 2);
  expect(() => decodeRow(short, 0)).toThrow('a field of 4 bytes where 8 are due');
});
