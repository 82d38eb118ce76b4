import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { EXOTIC_TEXTS } from '../testing/books/book-requests.ts';
import { accountId } from './account-id.ts';
import { CHAIN_START, chainAfter, chainAfterBy, chainAfterBytes, chainLine } from './chain.ts';
import { type JournalRow, NO_DETAILS, type RowDetails } from './journal-row.ts';
import { encodeRows } from './row-bytes.ts';

const ROW: JournalRow = {
  seq: 7,
  epoch: 2,
  id: '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b',
  kind: 1,
  reason: 0,
  debitAccount: accountId(1, 1),
  creditAccount: accountId(1, 2),
  amount: 1999n,
  entries: {
    debitVersion: 3,
    creditVersion: 4,
    debitDebits: 5000n,
    debitCredits: 6000n,
    creditDebits: 70n,
    creditCredits: 80n,
    held: null,
  },
  peer: { book: 2, account: accountId(2, 9), number: 11 },
  originId: null,
  namespace: 'shop',
  key: 'order 17',
  asset: 'EUR',
  code: 5,
  reference: 'Ünïcödé',
  metadata: { b: '2', a: '1' },
  atMicros: 1_763_711_782_000_001,
  details: null,
};
const BARE: JournalRow = {
  ...ROW,
  seq: 8,
  debitAccount: null,
  creditAccount: null,
  amount: null,
  entries: null,
  peer: null,
  namespace: '',
  key: '',
  asset: '',
  code: 0,
  reference: '',
  metadata: {},
};
/** All that a row can have besides. None has everything, which does not matter to the chain. */
const DETAILS = {
  drawn: { id: 'd', left: 12n },
  groupId: 'g',
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
const NO_ENTRIES = {
  debitVersion: null,
  creditVersion: null,
  debitDebits: null,
  debitCredits: null,
  creditDebits: null,
  creditCredits: null,
  held: null,
};

test('the value of a batch never changes between releases', () => {
  expect(chainLine(ROW)).toBe(
    '7|2|0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b|1|0|281474976710657|281474976710658|1999|' +
      '3|4|5000|6000|70|80|562949953421321|2|11||4:shop|8:order 17|3:EUR|5|7:Ünïcödé|' +
      '16:1:a|1:1|1:b|1:2||1763711782000001|\n',
  );
  expect(chainLine(BARE)).toBe(
    '8|2|0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b|1|0||||||||||||||0:|0:|0:|0|0:|0:|' +
      '1763711782000001|\n',
  );
  expect(chainAfterBy(1, CHAIN_START, [ROW, BARE]).toString('hex')).toBe(
    '8004160f1de563c298874890a23d4c1dbbcda57b45306e510e30e78ef313178b',
  );
});

test('what a row does not have is empty', () => {
  const peer = { book: 2, account: 9n, number: null };
  expect(chainLine({ ...BARE, entries: NO_ENTRIES, peer, originId: ROW.id })).toBe(
    `8|2|${ROW.id}|1|0||||||||||9|2||${ROW.id}|0:|0:|0:|0|0:|0:|1763711782000001|\n`,
  );
});

test.each<[string, Partial<JournalRow>, string]>([
  ['what is held', { entries: { ...NO_ENTRIES, held: HELD } }, '100|200|300|400|||||0:|0:||||'],
  ['details', { details: DETAILS }, '||||d|12|g|1763711999000000|11:{"scale":3}|4:olga|3|-50|70|'],
  ['empty details', { details: NO_DETAILS }, '||||||||0:|0:||||'],
  [
    'a drawn row of which nothing is known',
    { details: { ...NO_DETAILS, drawn: { id: 'd', left: null } } },
    '||||d||||0:|0:||||',
  ],
  [
    'settings without limits',
    { details: { ...NO_DETAILS, settings: { flags: 3, minBalance: null, maxBalance: null } } },
    '||||||||0:|0:|3|||',
  ],
])('the second part of a line with %s never changes between releases', (_, more, expected) => {
  const [, part] = chainLine({ ...BARE, ...more }).split(`|${BARE.atMicros}|`);
  expect(part).toBe(`${expected}\n`);
});

test('whatever a row has besides is in its line', () => {
  const { drawn, settings } = DETAILS;
  const lines = [
    DETAILS,
    { ...DETAILS, drawn: null },
    { ...DETAILS, drawn: { ...drawn, id: 'e' } },
    { ...DETAILS, drawn: { ...drawn, left: 13n } },
    { ...DETAILS, groupId: 'h' },
    { ...DETAILS, expiresAtMicros: null },
    { ...DETAILS, options: '' },
    { ...DETAILS, by: 'olgb' },
    { ...DETAILS, settings: null },
    { ...DETAILS, settings: { ...settings, flags: 4 } },
    { ...DETAILS, settings: { ...settings, minBalance: null } },
    { ...DETAILS, settings: { ...settings, maxBalance: -70n } },
  ].map((details) => chainLine({ ...ROW, details }));
  for (const held of [HELD, ...Object.keys(HELD).map((name) => ({ ...HELD, [name]: 1n }))]) {
    lines.push(chainLine({ ...ROW, entries: { ...NO_ENTRIES, held }, details: DETAILS }));
  }
  expect(new Set(lines).size).toBe(lines.length);
});

test('anyone can compute recipe 1 with SHA-256 and the lines', () => {
  const before = createHash('sha256').update('before').digest();
  const expected = createHash('sha256')
    .update(Buffer.concat([before, Buffer.from(chainLine(ROW) + chainLine(BARE), 'utf8')]))
    .digest();
  expect(chainAfterBy(1, before, [ROW, BARE]).equals(expected)).toBe(true);
});

test('recipe 2 is SHA-256 over the canonical bytes, however they are cut', () => {
  const before = createHash('sha256').update('before').digest();
  const parts = [ROW, BARE].map((row) => encodeRows([row]).bytes);
  const expected = createHash('sha256')
    .update(Buffer.concat([before, ...parts]))
    .digest();
  expect(chainAfterBy(2, before, [ROW, BARE])).toEqual(expected);
  expect(chainAfter(before, [ROW, BARE])).toEqual(expected);
  expect(chainAfterBytes(before, ...parts)).toEqual(expected);
});

/** Every row that differs from ROW in exactly one column. */
function alteredRows(): [string, JournalRow][] {
  const { entries, peer } = ROW;
  if (entries === null || peer === null) throw new Error('the row has entries and a peer');
  const columns: Partial<JournalRow>[] = [
    { seq: 8 },
    { epoch: 3 },
    { id: ROW.id.replace('0', '1') },
    { kind: 2 },
    { reason: 6 },
    { debitAccount: accountId(1, 3) },
    { debitAccount: null },
    { creditAccount: accountId(1, 3) },
    { amount: 1998n },
    { amount: null },
    { entries: null },
    { peer: null },
    { originId: ROW.id },
    { namespace: 'shoq' },
    { namespace: '' },
    { key: 'order 18' },
    { key: 'order 1' },
    { asset: 'EUS' },
    { code: 6 },
    { reference: 'Ünïcöde' },
    { metadata: { a: '1', b: '3' } },
    { metadata: { a: '1', c: '2' } },
    { metadata: { a: '1' } },
    { metadata: {} },
    { atMicros: ROW.atMicros + 1 },
  ];
  const { held: _, ...versions } = entries;
  for (const [name, value] of Object.entries(versions)) {
    const more = typeof value === 'bigint' ? value + 1n : Number(value) + 1;
    columns.push({ entries: { ...entries, [name]: more } });
  }
  columns.push({ peer: { ...peer, book: 3 } }, { peer: { ...peer, number: 12 } });
  columns.push({ peer: { ...peer, number: null } }, { peer: { ...peer, account: 1n } });
  return columns.map((column) => [Object.keys(column).join(), { ...ROW, ...column }]);
}

test.each(alteredRows())('another value of %s changes the chain', (_, altered) => {
  for (const recipe of [1, 2] as const) {
    const value = chainAfterBy(recipe, CHAIN_START, [ROW, BARE]);
    expect(chainAfterBy(recipe, CHAIN_START, [altered, BARE]).equals(value)).toBe(false);
  }
});

test('dropping, adding or reordering rows, or another value before, changes the chain', () => {
  const value = chainAfter(CHAIN_START, [ROW, BARE]).toString('hex');
  const others = [
    chainAfter(CHAIN_START, [ROW]),
    chainAfter(CHAIN_START, [BARE, ROW]),
    chainAfter(CHAIN_START, [ROW, BARE, BARE]),
    chainAfter(chainAfter(CHAIN_START, [ROW]), [BARE]),
    chainAfter(Buffer.alloc(32, 1), [ROW, BARE]),
  ].map((other) => other.toString('hex'));
  expect(new Set([value, ...others]).size).toBe(6);
});

const textOf = ({ metadata, ...rest }: Partial<JournalRow>) =>
  JSON.stringify([rest, Object.entries(metadata ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1))]);

test('no content of one text is taken for another column', () => {
  const piece = fc.oneof(
    fc.constantFrom(...EXOTIC_TEXTS),
    fc.string({ unit: fc.constantFrom('0', '1', ':', '|', '\n', 'a') }),
  );
  const texts = fc.record({
    namespace: piece,
    key: piece,
    asset: piece,
    reference: piece,
    metadata: fc.dictionary(piece, piece, { maxKeys: 3, noNullPrototype: true }),
  });
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      const same = textOf(a) === textOf(b);
      expect(chainLine({ ...ROW, ...a }) === chainLine({ ...ROW, ...b })).toBe(same);
    }),
    { numRuns: 1000 },
  );
});

test('the order in which metadata is written down does not matter', () => {
  const turned = { ...ROW, metadata: { a: '1', b: '2' } };
  expect(chainLine(turned)).toBe(chainLine(ROW));
});
