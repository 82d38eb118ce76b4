import { describe, expect, test } from 'vitest';
import type { BookFigures, DrillEvidence } from './report.ts';
import { checksOf, type Measured, verdictOf } from './drill-verdict.ts';

const nothing = { count: 0, amountMinor: '0', keys: [] };
const something = { count: 1, amountMinor: '5', keys: ['key-1'] };

const evidence: DrillEvidence = {
  complete: true,
  unread: [],
  calls: 100,
  acknowledged: 99,
  missing: nothing,
  duplicates: nothing,
  contradicted: nothing,
  falselyRefused: nothing,
  phantoms: nothing,
  deposed: nothing,
  unknownBefore: 1,
  unknownAfter: 0,
  unknownWereApplied: 1,
  unknownWereNot: 0,
  epochs: [],
  audit: { ok: true, rows: 100, violationsTotal: 0, violations: [] },
  invariants: {},
  inTransit: [],
  copies: [
    { book: 'b', region: 'eu-west', role: 'primary', seq: 9, state: 'prefix', text: '' },
    { book: 'b', region: 'us-east', role: 'replica', seq: 9, state: 'prefix', text: '' },
  ],
  healedAfterMs: 1_000,
};

const book: BookFigures = {
  name: 'b',
  home: 'eu-west',
  affected: true,
  leaderBefore: 'eu-west',
  leaderAfter: 'eu-west',
  epochBefore: 1,
  epochAfter: 3,
  rtoMs: 9_000,
  longestPauseMs: 2_000,
  detectedMs: null,
  fencedMs: null,
  promotedMs: null,
  firstGoodWriteMs: null,
};

const good: Measured = {
  limits: { rtoMs: 15_000, pauseMs: 3_000, noErrors: true, collateralMs: 1_000 },
  evidence,
  books: [book, { ...book, name: 'c', affected: false, rtoMs: null, longestPauseMs: 99_999 }],
  collateral: [{ region: 'us-east', calls: 10, errors: 0, longestPauseMs: 300 }],
  errors: 0,
  before: new Map([['eu-west', 100]]),
  problems: [],
  away: [],
};

const copy = (state: 'differs' | 'unread') => ({
  copies: evidence.copies.map((one) => ({ ...one, state })),
});

/** The checks that do not pass, by name. */
const notPassed = (measured: Measured) =>
  Object.fromEntries(
    checksOf(measured)
      .filter(({ result }) => result !== 'pass')
      .map(({ name, result }) => [name, result]),
  );

const withEvidence = (change: Partial<DrillEvidence>): Measured => ({
  ...good,
  evidence: { ...evidence, ...change },
});

test('every check passes where all is well', () => {
  expect(notPassed(good)).toEqual({});
  expect(verdictOf(checksOf(good), false)).toBe('pass');
});

const RPO = 'RPO: acknowledged transfers that are missing';

describe('each check fails on its own evidence', () => {
  const cases: readonly (readonly [string, Measured, string])[] = [
    [RPO, withEvidence({ missing: something }), 'fail'],
    ['keys posted more than once', withEvidence({ duplicates: something }), 'fail'],
    [
      'acknowledgements that the journal contradicts',
      withEvidence({ contradicted: something }),
      'fail',
    ],
    [
      'transfers applied though the answer was "not applied"',
      withEvidence({ falselyRefused: something }),
      'fail',
    ],
    ['transfers that no caller requested', withEvidence({ phantoms: something }), 'fail'],
    ['acknowledgements by a deposed leader', withEvidence({ deposed: something }), 'fail'],
    [
      'unknown outcomes that are known after asking again',
      withEvidence({ unknownAfter: 1 }),
      'unknown',
    ],
    [
      'audit of all books from their first rows',
      withEvidence({ audit: { ok: false, rows: 9, violationsTotal: 1, violations: [] } }),
      'fail',
    ],
    [
      'nothing is left in transit between books',
      withEvidence({
        inTransit: [{ from: 'a', to: 'b', asset: 'EUR', transfers: 1, amountMinor: '1' }],
      }),
      'fail',
    ],
    ['every copy equals its primary up to its own position', withEvidence(copy('differs')), 'fail'],
    [
      'every copy equals its primary up to its own position',
      withEvidence(copy('unread')),
      'unknown',
    ],
    [
      'every copy equals its primary up to its own position',
      withEvidence({ copies: [] }),
      'unknown',
    ],
    ['RTO: b writable again', { ...good, books: [{ ...book, rtoMs: 15_000 }] }, 'fail'],
    ['RTO: b writable again', { ...good, books: [{ ...book, rtoMs: null }] }, 'fail'],
    ['writes of b pause', { ...good, books: [{ ...book, longestPauseMs: 3_000 }] }, 'fail'],
    ['writes of b pause', { ...good, books: [{ ...book, longestPauseMs: null }] }, 'unknown'],
    ['every caller gets an outcome inside the deadline', { ...good, errors: 1 }, 'fail'],
    [
      'own accounts of us-east never pause',
      {
        ...good,
        collateral: [{ region: 'us-east', calls: 9, errors: 0, longestPauseMs: 1_001 }],
      },
      'fail',
    ],
    [
      'own accounts of us-east never pause',
      { ...good, collateral: [{ region: 'us-east', calls: 0, errors: 0, longestPauseMs: null }] },
      'unknown',
    ],
    [
      'payments ran in eu-west before anything was broken',
      { ...good, before: new Map([['eu-west', 9]]) },
      'unknown',
    ],
    [
      'every region serves and every book has all its copies again',
      { ...good, problems: ['x'] },
      'fail',
    ],
    ['every book is led in its home region again', { ...good, away: ['b'] }, 'fail'],
  ];
  test.each(cases)('%s', (name, measured, result) => {
    expect(notPassed(measured)).toEqual({ [name]: result });
    expect(verdictOf(checksOf(measured), false)).toBe('fail');
  });
});

test('a source that could not be read is never proof', () => {
  const incomplete = withEvidence({ complete: false, unread: ['b: gone'], audit: null });
  const found = notPassed(incomplete);
  expect(found[RPO]).toBe('unknown');
  expect(Object.values(found).filter((result) => result === 'unknown').length).toBe(9);
  expect(verdictOf(checksOf(incomplete), false)).toBe('fail');
  // A violation that was found stays one.
  const worse = withEvidence({ complete: false, missing: something });
  expect(notPassed(worse)[RPO]).toBe('fail');
});

test('an aborted drill passes nothing, and hides nothing', () => {
  expect(verdictOf(checksOf(good), true)).toBe('aborted');
  expect(verdictOf([], true)).toBe('aborted');
  expect(verdictOf([], false)).toBe('fail');
  expect(verdictOf(checksOf(withEvidence({ missing: something })), true)).toBe('fail');
});
