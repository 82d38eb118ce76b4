import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { histories, type History } from '../test/history.ts';
import { HistoryRun } from '../test/run-history.ts';
import { checkRandomly } from '../test/seed.ts';

const FILE = 'ledger/core/history.test.ts';

function ran(history: History, cutAlways = false): HistoryRun {
  const run = new HistoryRun(history, cutAlways);
  run.run(history.steps);
  return run;
}

test('books and model agree on random histories', () => {
  const property = fc.property(histories(), (history) => void ran(history));
  expect(checkRandomly(FILE, 'books and model agree', property, 10_000)).toBeGreaterThan(0);
});

test('how commands are cut into batches changes nothing but their times', () => {
  const property = fc.property(histories(), (history) => {
    const [cut, single] = [ran(history), ran(history, true)].map(({ books }) =>
      books.map(({ rows }) => rows.map((row) => ({ ...row, atMicros: 0 }))),
    );
    assert.deepEqual(cut, single);
  });
  expect(checkRandomly(FILE, 'how commands are cut', property, 1_000)).toBeGreaterThan(0);
});
