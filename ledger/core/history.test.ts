import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PostingLane } from '../testing/books/sim-book.ts';
import { histories, type RandomHistory } from '../testing/history/random-history.ts';
import { OutcomeCoverage } from '../testing/history/outcome-coverage.ts';
import { mixedCallHistories } from '../testing/history/mixed-call-history.ts';
import { plainer } from '../testing/history/plainer-history.ts';
import { HistoryRun } from '../testing/history/run-history.ts';
import { checkRandomly } from '../testing/history/seed.ts';

const FILE = 'ledger/core/history.test.ts';

/** This number of histories has every outcome, whatever the seed. */
const HISTORIES = 5_000;

/** At night there are ten times as many, and other work on the machine. */
const TIMEOUT_MS = 60 * 60_000;

function ran(
  history: RandomHistory,
  cutAlways = false,
  coverage?: OutcomeCoverage,
  lane?: PostingLane,
): HistoryRun {
  const run = new HistoryRun(history, cutAlways, coverage, lane);
  run.run(history.steps);
  return run;
}

test(
  'books and model agree on random histories, which have every outcome',
  () => {
    const coverage = new OutcomeCoverage();
    const property = fc.property(histories(), (history) => void ran(history, false, coverage));
    const runs = checkRandomly(FILE, 'books and model agree', property, HISTORIES);
    process.stdout.write(`outcomes of ${runs} histories:\n${coverage.table()}\n`);
    expect(coverage.impossible()).toEqual([]);
    // One case that is replayed, or a few, need not have them all.
    expect(runs < HISTORIES ? [] : coverage.missing()).toEqual([]);
  },
  TIMEOUT_MS,
);

test(
  'how commands are cut into batches changes nothing',
  () => {
    const property = fc.property(histories(), (history) => {
      const [cut, single] = [ran(history), ran(history, true)].map(({ books }) =>
        books.map(({ rows }) => rows),
      );
      assert.deepEqual(cut, single);
    });
    expect(checkRandomly(FILE, 'how commands are cut', property, 500)).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);

test(
  'the plain lane agrees with the model, and writes the rows that the general lane writes',
  () => {
    let plain = 0;
    const property = fc.property(histories().map(plainer), fc.nat(3), (history, compared) => {
      const run = ran(history, false, undefined, 'plain');
      for (const book of run.books) plain += book.plain;
      if (compared > 0) return;
      const rows = [run, ran(history)].map(({ books }) => books.map((book) => book.rows));
      expect(rows[0]).toEqual(rows[1]);
    });
    const runs = checkRandomly(FILE, 'the plain lane agrees', property, 500);
    process.stdout.write(`${plain} transfers of ${runs} histories went through the plain lane\n`);
    expect(plain).toBeGreaterThan(runs);
  },
  TIMEOUT_MS,
);

test(
  'plain transfers that overtake others agree with the model, and lead to the same rows',
  () => {
    let overtaking = 0;
    const property = fc.property(mixedCallHistories(), fc.nat(3), (history, compared) => {
      const run = ran(history, false, undefined, 'mixed');
      for (const book of run.books) overtaking += book.overtaking;
      if (compared > 0) return;
      const rows = [run, ran(history)].map(({ books }) => books.map((book) => book.rows));
      expect(rows[0]).toEqual(rows[1]);
    });
    const runs = checkRandomly(FILE, 'plain transfers that overtake', property, 500);
    process.stdout.write(`${overtaking} transfers of ${runs} histories overtook another one\n`);
    expect(overtaking).toBeGreaterThan(runs / 2);
  },
  TIMEOUT_MS,
);
