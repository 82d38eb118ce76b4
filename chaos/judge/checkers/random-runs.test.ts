import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import { checkRandomly } from '../../../ledger/testing/history/seed.ts';
import { judgeRun } from './all.ts';
import { gatherEvidence } from './evidence.ts';
import { KINDS_OF_RANDOM_RUNS, randomRun } from './test/random-run.ts';

const FILE = 'chaos/judge/checkers/random-runs.test.ts';
const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });

test('random runs in which nothing goes wrong pass every checker', () => {
  const property = fc.property(seeds, (seed) => {
    const story = randomRun(seed, 300);
    const verdicts = judgeRun(gatherEvidence(story.history(), story.finals()));
    expect([...verdicts].filter(([, { state }]) => state !== 'pass')).toEqual([]);
  });
  checkRandomly(FILE, 'random runs in which nothing goes wrong', property, 20);
});

test('random runs have rows of every possible kind', () => {
  const story = randomRun(1, 500);
  const kinds = new Set([...story.books.values()].flatMap(({ rows }) => rows.map((r) => r.kind)));
  expect(KINDS_OF_RANDOM_RUNS.filter((kind) => !kinds.has(kind))).toEqual([]);
});

/** Forgeries of a row, if it has the field that they change. */
const FORGERIES: Readonly<Record<string, (row: JournalRow) => JournalRow | null>> = {
  amount: (row) => (row.amount === null ? row : { ...row, amount: row.amount + 1n }),
  'debit total': (row) =>
    typeof row.entries?.debitDebits === 'bigint'
      ? { ...row, entries: { ...row.entries, debitDebits: row.entries.debitDebits + 1n } }
      : row,
  version: (row) =>
    typeof row.entries?.creditVersion === 'number'
      ? { ...row, entries: { ...row.entries, creditVersion: row.entries.creditVersion + 1 } }
      : row,
  entries: (row) => ({ ...row, entries: null }),
  'channel number': (row) =>
    typeof row.peer?.number === 'number'
      ? { ...row, peer: { ...row.peer, number: row.peer.number + 1 } }
      : row,
  payer: (row) =>
    row.debitAccount === null ? row : { ...row, debitAccount: row.debitAccount + 1n },
  code: (row) => (row.namespace === '' ? row : { ...row, code: row.code + 1 }),
  row: () => null,
};

test('a random row that is forged or left out in all copies is detected', () => {
  const place = fc.record({
    seed: seeds,
    book: fc.integer({ min: 1, max: 3 }),
    at: fc.double({ min: 0, max: 0.999, noNaN: true }),
    forgery: fc.constantFrom(...Object.keys(FORGERIES)),
  });
  let forged = 0;
  const property = fc.property(place, ({ seed, book, at, forgery }) => {
    const story = randomRun(seed, 600);
    // The first rows open accounts, which have few fields to forge.
    const rows = story.book(book).rows.filter(({ kind }) => kind !== RowKind.account);
    const row = must(rows[Math.floor(at * rows.length)], 'there is a row');
    const forge = must(FORGERIES[forgery], 'it is a way to forge');
    if (forge(row) === row || (forgery === 'entries' && row.entries === null)) return;
    forged += 1;
    const change = (one: JournalRow) => (one.seq === row.seq ? forge(one) : one);
    const verdicts = judgeRun(gatherEvidence(story.history(), story.finals({ book, change })));
    expect([...verdicts.values()].some(({ state }) => state === 'fail')).toBe(true);
  });
  checkRandomly(FILE, 'a random row of a journal cannot be forged', property, 60);
  // Most rows lack such a field; it is enough that some had it.
  expect(forged).toBeGreaterThan(0);
});
