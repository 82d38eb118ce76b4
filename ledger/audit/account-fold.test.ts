import { expect, test } from 'vitest';
import { AccountFlag } from '../core/account.ts';
import { type JournalRow, NO_DETAILS, RowKind } from '../core/journal-row.ts';
import { EMPTY_ROW } from '../core/post/batch.ts';
import { AccountFold, NO_TOTALS } from './account-fold.ts';

const PAYER = 1n;
const ROW = { ...EMPTY_ROW, seq: 1, epoch: 1, atMicros: 1, id: 'row' };

/** What the audit finds where a row of this kind debits an account that is frozen for debits. */
function findingsOf(kind: RowKind, by: string): string[] {
  const found: string[] = [];
  const limits = { minBalance: null, maxBalance: null };
  const account = { id: PAYER, externalId: 'alice', asset: 'EUR', transit: false, openedSeq: 1 };
  const fold = new AccountFold([{ ...account, ...limits }], (_invariant, _row, text) => {
    found.push(text);
  });
  const opened = {
    ...ROW,
    kind: RowKind.account,
    creditAccount: PAYER,
    key: 'alice',
    reference: 'min=none max=none',
  };
  const folded = fold.open(opened, 'EUR');
  if (folded !== undefined) folded.flags = AccountFlag.frozenOut;
  const row: JournalRow = {
    ...ROW,
    seq: 2,
    kind,
    debitAccount: PAYER,
    amount: 10n,
    entries: {
      debitVersion: 1,
      creditVersion: null,
      debitDebits: 10n,
      debitCredits: 0n,
      creditDebits: null,
      creditCredits: null,
      held: null,
    },
    details: { ...NO_DETAILS, by },
  };
  fold.post(row, { debit: { ...NO_TOTALS, debits: 10n }, credit: null });
  return found;
}

test('a frozen account pays nothing, unless a repair books what it paid before', () => {
  for (const kind of [RowKind.capture, RowKind.transfer]) {
    expect(findingsOf(kind, '')).toEqual(['alice is frozen for debits']);
  }
  expect(findingsOf(RowKind.capture, 'jane')).toEqual([]);
  expect(findingsOf(RowKind.recovered, 'jane')).toEqual([]);
});
