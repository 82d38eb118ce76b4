import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { EXOTIC_TEXTS } from '../testing/books/book-requests.ts';
import { accountId } from './account-id.ts';
import { type JournalRow, NO_DETAILS, type RowDetails } from './journal-row.ts';
import {
  chainTail,
  encodeRows,
  FULL_COLUMNS,
  jsonbText,
  HELD_AT,
  HELD_ROW_BYTES,
  heldTemplate,
  PLAIN_AT,
  PLAIN_COLUMNS,
  PLAIN_ROW_BYTES,
  plainTemplate,
  POSTGRES_EPOCH_MICROS,
  TAIL_BYTES,
} from './row-bytes.ts';

const ID = '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b';
const OTHER_ID = 'ffeeddcc-bbaa-9988-7766-554433221100';

const PLAIN: JournalRow = {
  seq: 7,
  epoch: 2,
  id: ID,
  kind: 1,
  reason: 0,
  debitAccount: accountId(1, 1),
  creditAccount: accountId(1, 2),
  amount: 1999n,
  entries: {
    debitVersion: 3,
    creditVersion: 4_294_967_297,
    debitDebits: 5000n,
    debitCredits: 6000n,
    creditDebits: 70n,
    creditCredits: 9_223_372_036_854_775_807n,
    held: null,
  },
  peer: null,
  originId: null,
  namespace: '',
  key: '',
  asset: '',
  code: 0,
  reference: '',
  metadata: {},
  atMicros: 1_763_711_782_000_001,
  details: null,
};

const DETAILS = {
  drawn: { id: OTHER_ID, left: 12n },
  groupId: ID,
  expiresAtMicros: 1_763_711_999_000_000,
  options: '{"scale":3}',
  by: 'olga',
  settings: { flags: 3, minBalance: -50n, maxBalance: 70n },
} satisfies RowDetails;

const HELD = {
  debitHeldDebits: 100n,
  debitHeldCredits: 200n,
  creditHeldDebits: 300n,
  creditHeldCredits: 400n,
};

/** A row with a value in every column, which no book has. */
const FULL: JournalRow = {
  ...PLAIN,
  entries: PLAIN.entries === null ? null : { ...PLAIN.entries, held: HELD },
  peer: { book: 2, account: accountId(2, 9), number: 11 },
  originId: OTHER_ID,
  namespace: 'shop',
  key: 'order 17',
  asset: 'EUR',
  code: 70_000,
  reference: 'Ünïcödé',
  metadata: { bb: '2', a: '1' },
  details: DETAILS,
};

const bytesOf = (...rows: JournalRow[]) => encodeRows(rows).bytes.toString('hex');

/** The fields of the only tuple of a row, by column, in hexadecimal digits. */
function fieldsOf(row: JournalRow): Record<string, string | null> {
  const { bytes, runs } = encodeRows([row]);
  const columns = runs[0]?.full === true ? FULL_COLUMNS : PLAIN_COLUMNS;
  expect(bytes.readInt16BE(0)).toBe(columns.length);
  const fields: Record<string, string | null> = {};
  let at = 2;
  for (const column of columns) {
    const length = bytes.readInt32BE(at);
    at += 4;
    fields[column] = length < 0 ? null : bytes.toString('hex', at, at + length);
    at += Math.max(length, 0);
  }
  expect(at).toBe(bytes.length);
  return fields;
}

test('the bytes of a plain row never change between releases', () => {
  expect(bytesOf(PLAIN)).toBe(
    '0011' +
      '000000080000000000000007' +
      '000000080000000000000002' +
      `00000008${(1_763_711_782_000_001 - POSTGRES_EPOCH_MICROS).toString(16).padStart(16, '0')}` +
      '000000100193a1b2c3d47e5f8a6b7c8d9e0f1a2b' +
      '000000020001' +
      '000000020000' +
      '000000080001000000000001' +
      '000000080001000000000002' +
      '0000000800000000000007cf' +
      '000000080000000000000003' +
      '000000080000000100000001' +
      '000000080000000000001388' +
      '000000080000000000001770' +
      '000000080000000000000046' +
      '000000087fffffffffffffff' +
      'ffffffffffffffff',
  );
});

const utf8 = (text: string) => Buffer.from(text).toString('hex');

test('the bytes of a full row never change between releases', () => {
  expect(fieldsOf(FULL)).toEqual({
    ...fieldsOf(PLAIN),
    peer_account: '0002000000000009',
    peer_book: '0002',
    channel_number: '000000000000000b',
    origin_id: OTHER_ID.replaceAll('-', ''),
    namespace: utf8('shop'),
    key: utf8('order 17'),
    asset: utf8('EUR'),
    code: '00011170',
    reference: utf8('Ünïcödé'),
    metadata: `01${utf8('{"a": "1", "bb": "2"}')}`,
    debit_held_debits: '0000000000000064',
    debit_held_credits: '00000000000000c8',
    credit_held_debits: '000000000000012c',
    credit_held_credits: '0000000000000190',
    drawn_id: OTHER_ID.replaceAll('-', ''),
    drawn_left: '000000000000000c',
    group_id: ID.replaceAll('-', ''),
    expires_at: (1_763_711_999_000_000 - POSTGRES_EPOCH_MICROS).toString(16).padStart(16, '0'),
    options: utf8('{"scale":3}'),
    changed_by: utf8('olga'),
    account_flags: '0003',
    min_balance: 'ffffffffffffffce',
    max_balance: '0000000000000046',
  });
});

test('a time before 2000 is a negative number', () => {
  expect(fieldsOf({ ...PLAIN, atMicros: POSTGRES_EPOCH_MICROS - 1 })['at']).toBe('f'.repeat(16));
});

test('a tuple written into the template at the documented places is that of the row', () => {
  const { entries } = PLAIN;
  if (entries === null) throw new Error('the row has entries');
  const tuple = plainTemplate();
  expect(tuple).toHaveLength(PLAIN_ROW_BYTES);
  tuple.writeBigInt64BE(BigInt(PLAIN.seq), PLAIN_AT.seq);
  tuple.writeBigInt64BE(BigInt(PLAIN.epoch), PLAIN_AT.epoch);
  tuple.writeBigInt64BE(BigInt(PLAIN.atMicros - POSTGRES_EPOCH_MICROS), PLAIN_AT.at);
  tuple.write(ID.replaceAll('-', ''), PLAIN_AT.id, 'hex');
  tuple.writeInt16BE(PLAIN.kind, PLAIN_AT.kind);
  tuple.writeInt16BE(PLAIN.reason, PLAIN_AT.reason);
  tuple.writeBigInt64BE(PLAIN.debitAccount ?? 0n, PLAIN_AT.debitAccount);
  tuple.writeBigInt64BE(PLAIN.creditAccount ?? 0n, PLAIN_AT.creditAccount);
  tuple.writeBigInt64BE(PLAIN.amount ?? 0n, PLAIN_AT.amount);
  tuple.writeBigInt64BE(BigInt(entries.debitVersion ?? 0), PLAIN_AT.debitVersion);
  tuple.writeBigInt64BE(BigInt(entries.creditVersion ?? 0), PLAIN_AT.creditVersion);
  tuple.writeBigInt64BE(entries.debitDebits ?? 0n, PLAIN_AT.debitDebits);
  tuple.writeBigInt64BE(entries.debitCredits ?? 0n, PLAIN_AT.debitCredits);
  tuple.writeBigInt64BE(entries.creditDebits ?? 0n, PLAIN_AT.creditDebits);
  tuple.writeBigInt64BE(entries.creditCredits ?? 0n, PLAIN_AT.creditCredits);
  expect(tuple.toString('hex')).toBe(bytesOf(PLAIN));
  expect(PLAIN_AT.tail).toBe(PLAIN_ROW_BYTES - TAIL_BYTES);
});

test('and so is a tuple with held sums', () => {
  const held = {
    debitHeldDebits: 1n,
    debitHeldCredits: 0n,
    creditHeldDebits: 2n ** 62n,
    creditHeldCredits: 300n,
  };
  const { entries } = PLAIN;
  if (entries === null) throw new Error('the row has entries');
  const row = Buffer.from(bytesOf({ ...PLAIN, entries: { ...entries, held } }), 'hex');
  expect(row).toHaveLength(HELD_ROW_BYTES);
  const tuple = heldTemplate();
  const plain = Buffer.from(bytesOf(PLAIN), 'hex');
  tuple.set(plain.subarray(2, PLAIN_AT.tail), 2);
  tuple.writeBigInt64BE(held.debitHeldDebits, HELD_AT.debitHeldDebits);
  tuple.writeBigInt64BE(held.debitHeldCredits, HELD_AT.debitHeldCredits);
  tuple.writeBigInt64BE(held.creditHeldDebits, HELD_AT.creditHeldDebits);
  tuple.writeBigInt64BE(held.creditHeldCredits, HELD_AT.creditHeldCredits);
  expect(tuple.toString('hex')).toBe(row.toString('hex'));
});

test('the end of a batch has its chain value and recipe in the place of two NULLs', () => {
  expect(chainTail(Buffer.alloc(32, 7), 2).toString('hex')).toBe(
    `00000020${'07'.repeat(32)}000000020002`,
  );
});

/** One row for each column that only the full form has, with a value in that column alone. */
const FULL_ONLY: [string, Partial<JournalRow>][] = [
  ['peer', { peer: FULL.peer }],
  ['originId', { originId: OTHER_ID }],
  ['namespace', { namespace: 'a' }],
  ['key', { key: 'a' }],
  ['asset', { asset: 'a' }],
  ['code', { code: 1 }],
  ['reference', { reference: 'a' }],
  ['metadata', { metadata: { a: '' } }],
  ['held', { entries: FULL.entries }],
  ...Object.entries(DETAILS).map(([name, value]): [string, Partial<JournalRow>] => [
    name,
    { details: { ...NO_DETAILS, [name]: value } },
  ]),
];

test.each(FULL_ONLY)('a row with %s has the full form, and no other bytes', (_, more) => {
  const row = { ...PLAIN, ...more };
  expect(encodeRows([row]).runs).toMatchObject([{ full: true }]);
  const others = FULL_ONLY.map(([, other]) => bytesOf({ ...PLAIN, ...other }));
  expect(others.filter((other) => other === bytesOf(row))).toHaveLength(1);
});

test('the form follows from the columns, not from who wrote the row', () => {
  expect(bytesOf({ ...PLAIN, details: NO_DETAILS })).toBe(bytesOf(PLAIN));
  expect(encodeRows([{ ...PLAIN, entries: null }]).runs).toMatchObject([{ full: false }]);
});

test('runs of one form differ by where they end', () => {
  const { count, bytes, runs } = encodeRows([PLAIN, PLAIN, FULL, PLAIN]);
  const [plain, full] = [encodeRows([PLAIN]).bytes.length, encodeRows([FULL]).bytes.length];
  expect(count).toBe(4);
  expect(runs).toEqual([
    { full: false, end: plain * 2 },
    { full: true, end: plain * 2 + full },
    { full: false, end: plain * 3 + full },
  ]);
  expect(bytes.toString('hex')).toBe(
    [PLAIN, PLAIN, FULL, PLAIN].map((row) => bytesOf(row)).join(''),
  );
});

test('rows of any length fit', () => {
  const text = fc.oneof(fc.string({ maxLength: 3_000 }), fc.constantFrom(...EXOTIC_TEXTS));
  const long = fc.record({ reference: text, key: text, metadata: fc.dictionary(text, text) });
  fc.assert(
    fc.property(fc.array(long), (many) => {
      const rows = many.map((fields) => ({ ...FULL, ...fields }));
      expect(bytesOf(...rows)).toBe(rows.map((row) => bytesOf(row)).join(''));
    }),
    { numRuns: 200 },
  );
});

test('metadata are printed as Postgres prints them', () => {
  expect(jsonbText({})).toBe('');
  // Two characters, three bytes: behind the names of one and two bytes.
  expect(jsonbText({ é1: 'x', zz: 'y', b: '"\\\n\u0001\u2028', a: '' })).toBe(
    '{"a": "", "b": "\\"\\\\\\n\\u0001\u2028", "zz": "y", "é1": "x"}',
  );
});

test.each(['a', `${ID}0`, ID.replace('f', 'g'), ID.replace('f', 'é')])(
  'an id that is no UUID is refused: %s',
  (id) => {
    expect(() => encodeRows([{ ...PLAIN, id }])).toThrow(`${id} is a UUID`);
  },
);
