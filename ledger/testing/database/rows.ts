import { accountId } from '../../core/account-id.ts';
import { chainAfter } from '../../core/chain.ts';
import { type JournalRow, RowKind } from '../../core/journal-row.ts';
import type { OpenedAccount } from '../../core/post/book-state.ts';
import { newAccount } from '../../core/account.ts';
import { derivedId } from '../../core/transfer-id.ts';
import type { Append } from '../../store/append-batch.ts';
import type { Head } from '../../store/append-batch.ts';

/** A row that moves nothing, with whatever a test wants to be different. */
export function journalRow(seq: number, fields: Partial<JournalRow> = {}): JournalRow {
  return {
    seq,
    epoch: 0,
    id: derivedId('test', String(seq)),
    kind: RowKind.transfer,
    reason: 6,
    debitAccount: accountId(1, 1),
    creditAccount: accountId(1, 2),
    amount: 5n,
    entries: null,
    peer: null,
    originId: null,
    namespace: '',
    key: '',
    asset: '',
    code: 0,
    reference: '',
    metadata: {},
    atMicros: 1_763_711_782_000_001,
    details: null,
    ...fields,
  };
}

/** A batch that follows a head. */
export function batchAfter(
  head: Head,
  rows: readonly JournalRow[],
  opened: readonly OpenedAccount[] = [],
): Append {
  return {
    head: {
      epochBefore: head.epoch,
      epochAfter: head.epoch,
      seqBefore: head.seq,
      seqAfter: head.seq + rows.length,
      chainAfter: rows.length === 0 ? head.chain : chainAfter(head.chain, rows),
      atMicros: rows[0]?.atMicros ?? head.atMicros,
      accountsAfter: head.accounts + opened.length,
    },
    rows,
    opened,
    channels: [],
    registered: [],
    swept: null,
    regionBooks: null,
  };
}

/** An opened account and its row. */
export function opening(
  number: number,
  seq: number,
  fields: Partial<Omit<OpenedAccount, 'account' | 'seq'>> = {},
): { row: JournalRow; opened: OpenedAccount } {
  const account = newAccount(accountId(1, number), 'EUR', { minBalance: null, maxBalance: null });
  const opened = { account, externalId: `account-${number}`, metadata: {}, seq, ...fields };
  const row = journalRow(seq, {
    id: derivedId('account', opened.externalId),
    kind: RowKind.account,
    reason: 0,
    debitAccount: null,
    creditAccount: account.id,
    amount: null,
    key: opened.externalId,
    metadata: opened.metadata,
  });
  return { row, opened };
}
