import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import type { AuditReport, BookReport } from '../../../ledger/audit/run-audit.ts';
import { auditTable, verdictOf } from './audit-table.ts';

const book: BookReport = {
  book: 1,
  name: 'eu-west-1',
  region: 'eu-west',
  epoch: 1,
  seq: 30,
  accounts: 5,
  rows: 30,
  posted: 14,
  held: 7,
  refused: 2,
  delivered: 1,
  returned: 0,
  openHolds: 1,
  overdueHolds: 1,
  trialBalance: [],
  chainVerified: true,
};

const report: AuditReport = {
  books: [book, { ...book, book: 2, name: 'us-east-1', region: 'us-east', overdueHolds: 2 }],
  inFlight: [{ from: 'us-east-1', to: 'eu-west-1', asset: 'EUR', transfers: 1, amountMinor: 25n }],
  violations: [],
  violationsTotal: 0,
  notes: ['a hold is late'],
  seconds: 1,
  ok: true,
};

/** The cell below a title, in the line of `name`. */
function cell(name: string, title: string): string | undefined {
  const lines = stripVTControlCharacters(auditTable(report)).split('\n');
  const rows = lines.map((line) => line.split('│').map((text) => text.trim()));
  const column = rows.find((row) => row.includes(title))?.indexOf(title) ?? -1;
  return rows.find((row) => row[1] === name)?.[column];
}

test('the audit has a line for each book and one for their sums', () => {
  const overdue = ['eu-west-1', 'us-east-1', 'total'].map((name) => cell(name, 'overdue holds'));
  expect(overdue).toEqual(['1', '2', '3']);
  expect(auditTable(report)).toContain('Note: a hold is late');
});

test('the verdict states the number of rows that were read', () => {
  expect(stripVTControlCharacters(verdictOf(report))).toBe(
    'All invariants hold: 60 journal rows of 2 books in 1.0 s.',
  );
});
