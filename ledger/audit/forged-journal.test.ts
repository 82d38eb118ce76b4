import { describe, expect, test } from 'vitest';

import { accountId } from '../core/account-id.ts';
import { must } from '../core/assert.ts';
import {
  type Entries,
  type JournalRow,
  NO_DETAILS,
  type RowDetails,
  RowKind,
} from '../core/journal-row.ts';
import type { Findings, Invariant } from './findings.ts';
import { completeBooks } from './test/complete-books.ts';
import { type Differences, scan } from './test/scanned.ts';
import { forged, rowOf, type Written } from './test/written-book.ts';

const [near, far] = completeBooks();

test('two books with everything in them have no findings', () => {
  const here = scan(near);
  expect(here.findings.kept).toEqual([]);
  expect(here.scanned.counts).toMatchObject({ posted: 14, refused: 2, delivered: 1, held: 7 });
  expect(here.scanned.holds.size).toBe(1);
  const there = scan(far);
  expect(there.findings.kept).toEqual([]);
  expect(there.scanned.counts).toMatchObject({ posted: 3, delivered: 3, returned: 1 });
});

/** A row, its place, and what a forger with the keys to the chain makes of it. */
type Forgery = readonly [name: string, row: JournalRow, change: Partial<JournalRow>, text: string];

const details = (row: JournalRow, change: Partial<RowDetails>): Partial<JournalRow> => ({
  details: { ...NO_DETAILS, ...row.details, ...change },
});
const entries = (row: JournalRow, change: Partial<Entries>): Partial<JournalRow> => ({
  entries: { ...must(row.entries, 'the row has entries'), ...change },
});
const held = (row: JournalRow, change: Partial<NonNullable<Entries['held']>>) => {
  const before = must(row.entries?.held, 'something is held');
  return entries(row, { held: { ...before, ...change } });
};
const drawn = (row: JournalRow, change: Partial<NonNullable<RowDetails['drawn']>>) => {
  const before = must(row.details?.drawn, 'the row draws on something');
  return details(row, { drawn: { ...before, ...change } });
};
/** The options of a row with one part of the text made another. */
const options = (row: JournalRow, from: string, to: string) => {
  const before = row.details?.options ?? '';
  expect(before).toContain(from);
  return details(row, { options: before.replace(from, to) });
};

/** What was found, each with its invariant. */
const textsOf = ({ kept }: Findings) => kept.map(({ invariant, text }) => `${invariant} ${text}`);
const finding = (invariant: Invariant, text: string): unknown =>
  expect.stringMatching(new RegExp(`^${invariant} .*${text}`));

function shows(invariant: Invariant, book: Written, forgeries: readonly Forgery[]): void {
  test.each(forgeries)(`${invariant}: %s`, (_, row, change, text) => {
    expect(textsOf(scan(forged(book, row.seq, change)).findings)).toContainEqual(
      finding(invariant, text),
    );
  });
}

const of = (reference: string, kind?: RowKind) => rowOf(near, reference, kind);
const bank = accountId(1, 2);
const pocket = accountId(1, 5);

function after({ details: made }: JournalRow): number {
  return must(made?.expiresAtMicros, 'the hold expires');
}

function leaving({ id }: JournalRow): Partial<JournalRow> {
  return { details: { ...NO_DETAILS, drawn: { id, left: 300n } } };
}

function at({ peer }: JournalRow) {
  return must(peer, 'the row has a peer');
}

function creditSide(version: number | null): Partial<Entries> {
  const total = version === null ? null : 0n;
  return { creditVersion: version, creditDebits: total, creditCredits: total };
}

function accountUuid(digit: number): string {
  return `${String(digit).repeat(8)}-0000-4000-8000-000000000000`;
}

function credited(): Partial<JournalRow> {
  return { kind: RowKind.transfer, amount: 1n, debitAccount: bank, creditAccount: pocket };
}

const settings = (flags: number, minBalance: bigint | null, maxBalance: bigint | null) => ({
  settings: { flags, minBalance, maxBalance },
});

describe('holds', () => {
  const [hotel, firstNight, checkOut] = [of('hotel'), of('first night'), of('check-out')];
  const [deposit, depositBack, dinner] = [of('deposit'), of('deposit back'), of('dinner')];
  const expiry = must(
    near.batches.flatMap(({ rows }) => rows).find(({ kind }) => kind === RowKind.expiry),
    'a hold has expired',
  );
  const [trip, noTrip, boarding] = [of('trip'), of('no trip'), of('boarding')];

  shows('I10', near, [
    ['more drawn than is left', checkOut, { amount: 201n }, 'of which 200 is left'],
    ['more stated to be left', firstNight, drawn(firstNight, { left: 250n }), 'left is 200'],
    ['left over after a final capture', checkOut, drawn(checkOut, { left: 50n }), 'left is 0'],
    ['a capture of another hold', dinner, drawn(dinner, { id: deposit.id }), 'is not open'],
    ['a capture of a transfer', dinner, drawn(dinner, { id: of('salary').id }), 'is not open'],
    ['a capture of nothing', dinner, details(dinner, { drawn: null }), 'is not open'],
    ['a hold resolved twice', dinner, drawn(dinner, { id: hotel.id }), 'is not open'],
    ['a hold that was refused', hotel, { reason: 6, entries: null }, 'is not open'],
    ['less released than was left', depositBack, { amount: 39n }, 'of which 40 is left'],
    ['all captured, but not all', dinner, { amount: 29n }, 'of which 30 is left'],
    ['an expiry too early', expiry, { atMicros: hotel.atMicros }, 'before its time is up'],
    [
      'an expiry that was moved',
      of('forgotten'),
      details(of('forgotten'), late()),
      'asked were 10',
    ],
    [
      'a time that was not asked',
      deposit,
      details(deposit, { expiresAtMicros: 1 }),
      'asked were 0',
    ],
    ['a hold that expires no more', hotel, details(hotel, { expiresAtMicros: null }), 'never'],
    ['a capture that is late', checkOut, { atMicros: after(hotel) }, 'after its time is up'],
    ['a release that is late', noTrip, { atMicros: after(trip) }, 'after its time is up'],
    ['another payer', firstNight, { debitAccount: bank }, 'has other accounts'],
    ['another payee', depositBack, { creditAccount: bank }, 'has other accounts'],
    ['another payee abroad', boarding, { peer: elsewhere(boarding) }, 'has other accounts'],
    ['a hold without a payee', deposit, { creditAccount: null }, 'no payee'],
    ['a word on what is left', of('salary'), leaving(hotel), 'draws on nothing'],
    ['a word in a refused row', of('while frozen'), leaving(hotel), 'draws on nothing'],
  ]);

  shows('I7', near, [
    ['what is held', hotel, held(hotel, { debitHeldDebits: 299n }), 'alice has'],
    ['what is held in favour', hotel, held(hotel, { creditHeldCredits: 0n }), 'shop has'],
    ['what a capture leaves held', firstNight, held(firstNight, { debitHeldDebits: 0n }), 'alice'],
    ['all that is held forgotten', hotel, entries(hotel, { held: null }), 'alice has'],
    ['held for the wrong side', hotel, held(hotel, { debitHeldCredits: 300n }), 'alice has'],
    ['a payee abroad with a version', trip, entries(trip, creditSide(1)), 'credit side'],
    ['a payee without a version', hotel, entries(hotel, creditSide(null)), 'no version'],
    ['a refused hold with entries', hotel, { reason: 6 }, 'was refused and has entries'],
  ]);

  shows('I3', near, [
    ['a hold with a number', trip, { peer: { ...elsewhere(trip), number: 1 } }, 'number 1'],
    ['a capture without one', boarding, { peer: { ...at(boarding), number: null } }, 'number 0'],
    ['a release with one', noTrip, { peer: { ...at(noTrip), number: 2 } }, 'number 2'],
    ['a capture that skips one', boarding, { peer: { ...at(boarding), number: 3 } }, 'follows 1'],
  ]);

  shows('I2', near, [
    ['a capture past the transit account', boarding, { creditAccount: bank }, 'no transit account'],
  ]);

  function late(): Partial<RowDetails> {
    const { expiresAtMicros } = must(of('forgotten').details, 'the hold has details');
    return { expiresAtMicros: must(expiresAtMicros, 'the hold expires') + 1 };
  }

  function elsewhere(row: JournalRow) {
    return { ...at(row), account: accountId(2, 77) };
  }
});

describe('reversals', () => {
  const [button, sentBack] = [of('button missing'), of('sent back')];
  const size = rowOf(far, 'wrong size');
  const returned = rowOf(far, 'wrong colour', RowKind.return);

  shows('I10', near, [
    ['more than was left', sentBack, { amount: 51n }, 'leaves -1'],
    ['more stated to be left', button, drawn(button, { left: 60n }), 'left is 50'],
    ['less than all', sentBack, { amount: 49n }, 'all of 50 was asked'],
    ['of what is not there', button, drawn(button, { id: accountUuid(0) }), 'no row before it'],
    ['of what comes later', button, drawn(button, { id: of('gift').id }), 'no row before it'],
    ['of a hold', button, drawn(button, { id: of('hotel').id }), 'cannot be reversed'],
    ['of a refused row', button, drawn(button, { id: of('yacht').id }), 'cannot be reversed'],
    ['of what went abroad', button, drawn(button, { id: of('fee').id }), 'cannot be reversed'],
    ['of a reversal', sentBack, drawn(sentBack, { id: button.id }), 'cannot be reversed'],
    ['to another account', button, { creditAccount: bank }, 'has other accounts'],
    ['from another account', button, { debitAccount: bank }, 'has other accounts'],
    ['of nothing', button, details(button, { drawn: null }), 'no row before it'],
  ]);
  shows('I10', far, [
    ['a return that gives back too much', returned, drawn(returned, { left: 26n }), 'left is 25'],
    ['more than there was', returned, { amount: 21n }, 'which moved 40'],
    ['abroad to another account', size, { peer: stranger(size) }, 'has other accounts'],
    ['that was recovered and draws nothing', size, recovered(null), 'of which 40 is left'],
    ['that was recovered and draws too little', size, recovered(30n), 'left is 25'],
  ]);
  test('a reversal that was recovered and draws as it did', () => {
    expect(textsOf(scan(forged(far, size.seq, recovered(25n))).findings)).toEqual([]);
  });
  shows('I5', near, [
    ['of another transfer', button, options(button, of('coat').id, of('salary').id), 'asked was'],
  ]);

  /** As a repair books it; null: it draws on nothing. */
  function recovered(left: bigint | null): Partial<JournalRow> {
    const { id } = must(size.details?.drawn, 'a reversal draws on something');
    const drawnOn = left === null ? null : { id, left };
    const changed = details(size, { by: 'ops', drawn: drawnOn });
    return { ...changed, kind: RowKind.recovered, originId: size.id, namespace: '', key: '' };
  }

  function stranger({ peer }: JournalRow) {
    return { ...must(peer, 'the row has a peer'), account: bank };
  }
});

describe('groups', () => {
  const [basket, bread, milk] = [of('basket'), of('bread'), of('milk')];
  const [tooMuch, pen, yacht] = [of('too much'), of('pen'), of('yacht')];

  shows('I17', near, [
    ['a leg too few', basket, options(basket, '3', '4'), 'ends after 3 of its 4'],
    ['a leg too many', basket, options(basket, '3', '2'), 'which it does not follow'],
    ['legs that are not counted', basket, options(basket, '3', 'x'), 'how many legs'],
    ['a leg of its own', bread, details(bread, { groupId: null }), 'ends after 0'],
    ['a leg of another group', milk, details(milk, { groupId: tooMuch.id }), 'does not follow'],
    ['a plain row as a leg', of('coat'), details(of('coat'), { groupId: basket.id }), 'not follow'],
    ['another id', bread, { id: pen.id }, 'is not leg 0'],
    ['a leg that failed', bread, { reason: 6, entries: null }, 'another outcome'],
    ['a leg that was applied', pen, { reason: 0 }, 'another outcome'],
    ['another reason', tooMuch, { reason: 7 }, 'another reason'],
    ['no breaker', yacht, { reason: 8 }, 'failed by 0'],
    ['two breakers', pen, { reason: 6 }, 'failed by 2'],
    ['a group that moves money', basket, { amount: 5n }, 'moves something'],
    ['a group in a group', pen, { kind: RowKind.group }, 'a leg of another'],
    ['a leg with a key', pen, { key: 'mine' }, 'cannot be a leg'],
    ['a change as a leg', pen, { kind: RowKind.change }, 'cannot be a leg'],
  ]);

  test('I17: a group in two batches', () => {
    const batches = near.batches.flatMap((batch) => {
      if (batch.rows[0]?.id !== basket.id) return [batch];
      const rest = { ...batch, opened: [], rows: batch.rows.slice(2) };
      return [{ ...batch, rows: batch.rows.slice(0, 2) }, rest];
    });
    expect(textsOf(scan({ ...near, batches }).findings)).toContainEqual(
      finding('I17', 'ends after 1 of its 3'),
    );
  });
});

describe('changes of accounts', () => {
  const [limits, lost, gone] = [of('credit line'), of('lost card'), of('gone')];
  const again = of('back again');
  const limitsOf = (min: string, max: string) =>
    details(limits, {
      options: `{"change":"limits","min_balance":${min},"max_balance":${max}}`,
    });

  shows('I9', near, [
    ['a freeze that froze less', lost, details(lost, settings(1, -5n, 50n)), 'flags=1'],
    ['limits moved by the way', lost, details(lost, settings(3, -9n, 50n)), 'min=-9'],
    ['other limits than asked', limits, details(limits, settings(0, -6n, 50n)), 'min=-6'],
    ['settings left out', gone, details(gone, { settings: null }), 'what changed'],
    ['options that cannot be read', gone, details(gone, { options: '{' }), 'what changed'],
    ['no who', gone, details(gone, { by: '' }), 'who changed'],
    ['no why', gone, { reference: '' }, 'who changed'],
    ['a version that was not there', gone, expecting(gone), 'did not have version 99'],
    ['a reopening of what is open', lost, options(lost, 'freeze","freeze":4', 'reopen"'), 'reopen'],
    [
      'a change of what is closed',
      again,
      options(again, 'reopen', 'metadata'),
      'is closed and had',
    ],
    ['closed with a balance', gone, { creditAccount: accountId(1, 3) }, 'with a balance'],
    ['a lower limit too high', limits, limitsOf('"1"', 'null'), 'a lower limit of 1'],
    ['an upper limit too low', limits, limitsOf('"-9"', '"-1"'), 'an upper limit of -1'],
    ['of a transit account', gone, { creditAccount: accountId(1, 6) }, 'which it may not'],
    ['of no account', gone, { creditAccount: 1n }, 'which it may not'],
    ['settings in a refused row', of('while frozen'), { details: changed() }, 'was refused'],
  ]);
  shows('I9', near, [
    ['money into a frozen account', of('while frozen'), admitted(), 'frozen for credits'],
    ['money out of a frozen account', of('while frozen'), turned(), 'frozen for debits'],
    ['money into a closed account', again, { ...turned(), ...credited() }, 'is closed'],
    ['a limit lowered before', limits, details(limits, settings(0, 1n, 50n)), 'min=1'],
    ['a hold past the limit', of('hotel'), heldTooMuch(), 'alice falls to -1'],
    ['a hold past the upper limit', of('hotel'), heldTooMuch(), 'shop rises to 1001'],
  ]);
  shows('I7', near, [
    ['a change that moves money', gone, entries(gone, { creditCredits: 8n }), 'pocket has'],
    ['a change without a version', gone, { entries: null }, 'no entries'],
    ['a registration with entries', of('new'), { entries: of('gone').entries }, 'has entries'],
  ]);
  shows('I1', near, [['a change of an amount', gone, { amount: 5n }, 'moves 5']]);

  function expecting(row: JournalRow): Partial<JournalRow> {
    return options(row, '"close"', '"close","expected_version":"99"');
  }

  function changed(): RowDetails {
    return { ...NO_DETAILS, ...settings(0, null, null) };
  }

  function admitted(): Partial<JournalRow> {
    return { reason: 0, entries: gone.entries };
  }

  function heldTooMuch(): Partial<JournalRow> {
    const amount = 1_001n;
    const change = { debitHeldDebits: amount, creditHeldCredits: amount };
    return { amount, ...held(of('hotel'), change) };
  }

  function turned(): Partial<JournalRow> {
    return { ...admitted(), debitAccount: pocket, creditAccount: bank, details: null };
  }
});

describe('what was asked', () => {
  const [coins, coat, hotel] = [of('all coins'), of('coat'), of('hotel')];

  shows('I5', near, [
    ['more than was asked at most', coins, options(coins, '100', '6'), 'no more than 6'],
    ['an amount at most that is missing', coins, options(coins, ',"amount":"100"', ''), 'no more'],
    ['another amount', coins, options(coins, '"up_to":1,', ''), 'asked was 100'],
    ['a hold as a transfer', hotel, { kind: RowKind.transfer }, 'asked was hold'],
    ['a transfer as a hold', of('salary'), { kind: RowKind.hold }, 'asked was a transfer'],
    ['another hold', of('dinner'), options(of('dinner'), of('table').id, hotel.id), 'draw on'],
    ['another asset', of('salary'), { asset: 'USD' }, 'asked was USD'],
    ['a condition that fails', coat, options(coat, '"80"', '"8000"'), 'against its condition'],
    ['one on a strange account', coat, options(coat, '0659"', '0699"'), 'against its condition'],
    ['options that cannot be read', coat, details(coat, { options: '[' }), 'cannot be read'],
  ]);
});

describe('assets', () => {
  const gold = of('new');
  const mint = rowOf(near, 'min=none max=none');

  shows('I6', near, [
    ['a scale that nothing has', gold, options(gold, '3', '19'), 'has no scale'],
    ['a scale left out', gold, details(gold, { options: '' }), 'has no scale'],
    ['no who', gold, details(gold, { by: '' }), 'who registered'],
    ['a second registration', of('salary'), { ...gold, seq: of('salary').seq }, 'twice'],
    ['an account of no asset', gold, { asset: 'SILVER' }, 'which is not registered'],
    ['another scale', mint, { asset: 'GOLD/2' }, 'whose scale is 3'],
    ['another scale of a payment', of('salary'), { asset: 'EUR/3' }, 'whose scale is 2'],
  ]);

  const gone = { assets: () => [] } satisfies Differences;
  const moved: Differences = { assets: (rows) => rows.map((row) => ({ ...row, scale: 2 })) };
  const added: Differences = {
    assets: (rows) => [...rows, { asset: 'XX', scale: 2, registeredSeq: 1 }],
  };
  test.each([
    ['an asset taken out', gone],
    ['a scale moved', moved],
    ['one added', added],
  ])('I18: %s of the table', (_, differences) => {
    expect(textsOf(scan(near, differences).findings)).toContainEqual(
      finding('I18', 'is not in the table'),
    );
  });

  test('accounts opened before assets were registered are counted, not found', () => {
    const before = forged(near, gold.seq, { asset: 'SILVER' });
    const differences = { assets: gone.assets, completeSinceMicros: Infinity };
    const { scanned, findings } = scan(before, differences);
    expect(scanned.assets.unregistered).toBe(1);
    expect(findings.count('I6', near.name)).toBe(0);
  });
});
