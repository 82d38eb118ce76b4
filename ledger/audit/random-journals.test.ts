import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { must } from '../core/assert.ts';
import { RowKind } from '../core/journal-row.ts';
import { histories } from '../testing/history/random-history.ts';
import type { SimBook } from '../testing/books/sim-book.ts';
import { HistoryRun } from '../testing/history/run-history.ts';
import { checkRandomly } from '../testing/history/seed.ts';
import { scan } from './test/scanned.ts';
import type { Written } from './test/written-book.ts';

const FILE = 'ledger/audit/random-journals.test.ts';

// Forgeries are found because the audit is strict; here it must not be stricter than the ledger.
test('no random history has a journal that an audit objects to', () => {
  const property = fc.property(histories(), (history) => {
    const run = new HistoryRun(history);
    run.run(history.steps);
    for (const book of run.books) assert.deepEqual(scan(writtenBy(book)).findings.kept, []);
  });
  expect(checkRandomly(FILE, 'no random history', property, 500)).toBeGreaterThan(0);
});

function writtenBy({ number, name, batches, channels, scales }: SimBook): Written {
  return {
    number,
    name,
    batches: batches.map(({ rows, opened }) => ({
      // No leader has taken these books over, so their epoch is still zero.
      rows: rows.map((row) => ({ ...row, epoch: 0 })),
      opened,
      registered: rows
        .filter(({ kind }) => kind === RowKind.asset)
        .map(({ asset, seq }) => ({
          asset,
          scale: must(scales.get(asset), 'a registered asset has a scale'),
          seq,
        })),
      swept: null,
    })),
    channels: [...channels.values()],
  };
}
