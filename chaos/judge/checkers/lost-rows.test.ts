import { beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { type JournalRow, NO_DETAILS, RowKind } from '../../../ledger/core/journal-row.ts';
import { transferIdOf } from '../../../ledger/core/transfer-id.ts';
import { gatherEvidence } from './evidence.ts';
import { inFlight } from './in-flight.ts';
import { withoutLost } from './lost-rows.ts';
import { nothingLost } from './nothing-lost.ts';
import { oneJournal } from './one-journal.ts';
import type { RowChange } from './test/story-book.ts';
import { Story } from './test/story.ts';
import type { Checker } from './verdict.ts';

/** Rows that a restored book may have lost, and losses that no restore excuses. */

const pay = (debitAccountId: bigint, creditAccountId: bigint, amount: bigint) => ({
  debitAccountId,
  creditAccountId,
  amount,
});

let story: Story;
let within: string;
let across: string;
beforeAll(() => {
  story = new Story();
  const [alice, amy] = [story.open(1, 'alice'), story.open(1, 'amy')];
  const bob = story.open(2, 'bob');
  const noMin = { min: { $case: 'noMinBalance', value: true } } as const;
  const bank = story.open(1, 'bank', noMin);
  story.transfer('kept', pay(bank, alice, 100n));
  across = story.transfer('across', pay(alice, bob, 7n), { settled: true });
  within = story.transfer('within', pay(alice, amy, 3n));
  story.phase('load');
  Object.assign(must(story.phases[0], 'the run has begun'), { wallMs: story.ns / 1e6 });
  story.balances([1, 2], 'auditor');
});

/** State of I4 when the journal of the first book was changed, and these rows are lost. */
const verdictOf = (change: RowChange, ...ids: string[]) => verdict(nothingLost, change, ids);

function verdict(checker: Checker, change: RowChange, ids: readonly string[]): string {
  const evidence = gatherEvidence(story.history(), story.finals({ book: 1, change }));
  const seqs = new Map(ids.map((id) => [id, story.book(1).row(id)?.seq ?? 0]));
  return checker(withoutLost(evidence, { book: 1, seqs, copiedMs: 0, restoredMs: 0 })).state;
}

const without = (id: string) => (row: JournalRow) => (row.id === id ? null : row);

const bookedAgain =
  (different: Partial<JournalRow> = {}) =>
  (row: JournalRow): JournalRow =>
    row.id === across
      ? {
          ...row,
          kind: RowKind.recovered,
          originId: across,
          details: { ...NO_DETAILS, by: 'ops' },
          ...different,
        }
      : row;

describe('a permanently lost row', () => {
  test('is excused where the replaced database had it', () => {
    expect(verdictOf(without(within), within)).toBe('pass');
  });

  test('is not excused where it did not have it', () => {
    expect(verdictOf(without(within), across)).toBe('fail');
  });

  test('is not excused where another book has a leg of it', () => {
    expect(verdictOf(without(across), across)).toBe('fail');
  });

  test('does not excuse a row that the journal still has, with other content', () => {
    const other = (row: JournalRow) => (row.id === within ? { ...row, reference: 'x' } : row);
    expect(verdictOf(other, within)).toBe('fail');
  });
});

const elsewhere = (row: JournalRow) =>
  row.id === within ? { ...row, id: transferIdOf('run', 'other') } : row;

describe('an acknowledged place', () => {
  test('may hold another row where the replaced database had it', () => {
    expect(verdict(oneJournal, elsewhere, [within])).toBe('pass');
  });

  test('may not where it did not have it', () => {
    expect(verdict(oneJournal, elsewhere, [])).toBe('fail');
  });
});

/** I2 where the cut was read with more than the journal has in the first book. */
const verdictOfCut = (copiedMs: number, restoredMs: number, book = 1) => {
  const evidence = gatherEvidence(story.history(), story.finals());
  const balances = evidence.operations.balances.map((operation) => ({
    ...operation,
    reply: (operation.reply ?? []).map((read) => ({
      ...read,
      accounts: read.accounts.map((state) =>
        read.position.book === 1
          ? { ...state, credits: String(BigInt(state.credits) + 1n) }
          : state,
      ),
    })),
  }));
  const forged = { ...evidence, operations: { ...evidence.operations, balances } };
  return inFlight(withoutLost(forged, { book, seqs: new Map(), copiedMs, restoredMs })).state;
};

const readMs = () => must(story.operations.balances[0], 'one was read').invokedNs / 1e6;

describe('a cut of two books', () => {
  test('is excused where it was read of the journal that was lost', () => {
    expect(verdictOfCut(readMs() - 1, readMs() + 1)).toBe('pass');
  });

  test('is not before the copy, after the restore, or of other books', () => {
    expect(verdictOfCut(readMs() + 10, readMs() + 20)).toBe('fail');
    expect(verdictOfCut(readMs() - 20, readMs() - 10)).toBe('fail');
    expect(verdictOfCut(readMs() - 1, readMs() + 1, 3)).toBe('fail');
  });
});

describe('what a repair has booked again', () => {
  test('is excused from what its leg does not carry', () => {
    expect(verdictOf(bookedAgain(), across)).toBe('pass');
  });

  test.each([
    ['another amount', { amount: 8n }],
    ['another reference', { reference: 'x' }],
    ['no operator', { details: NO_DETAILS, reference: 'x' }],
  ])('is not with %s', (_, different) => {
    expect(verdictOf(bookedAgain(different), across)).toBe('fail');
  });
});
