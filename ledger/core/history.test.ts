import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { histories, type History } from '../test/history.ts';
import { OutcomeCoverage } from '../test/outcome-coverage.ts';
import { HistoryRun } from '../test/run-history.ts';
import { checkRandomly } from '../test/seed.ts';

const FILE = 'ledger/core/history.test.ts';

/** So many histories have every outcome, whatever the seed. */
const HISTORIES = 5_000;

function ran(history: History, cutAlways = false, coverage?: OutcomeCoverage): HistoryRun {
  const run = new HistoryRun(history, cutAlways, coverage);
  run.run(history.steps);
  return run;
}

test('books and model agree on random histories, which have every outcome', () => {
  const coverage = new OutcomeCoverage();
  const property = fc.property(histories(), (history) => void ran(history, false, coverage));
  const runs = checkRandomly(FILE, 'books and model agree', property, HISTORIES);
  console.log(`outcomes of ${runs} histories:\n${coverage.table()}`);
  expect(coverage.impossible()).toEqual([]);
  if (runs >= HISTORIES) expect(coverage.missing()).toEqual([]);
});

test('how commands are cut into batches changes nothing', () => {
  const property = fc.property(histories(), (history) => {
    const [cut, single] = [ran(history), ran(history, true)].map(({ books }) =>
      books.map(({ rows }) => rows),
    );
    assert.deepEqual(cut, single);
  });
  expect(checkRandomly(FILE, 'how commands are cut', property, 500)).toBeGreaterThan(0);
});
