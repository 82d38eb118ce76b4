import { type JournalRow, RowKind, TRANSFER_KINDS } from '../../../../ledger/core/journal-row.ts';
import { reasonWord } from '../../history/replies.ts';
import type { EventRead } from '../../history/operation.ts';
import { stateAfter } from '../final-book.ts';

/** A row as a subscription delivers it. */
export function eventRead(row: JournalRow): EventRead {
  const { seq, epoch, kind, reason, amount, atMicros, entries } = row;
  const { debitAccount: debit, creditAccount: credit } = row;
  const isNamed = TRANSFER_KINDS.includes(kind) || kind === RowKind.change;
  const hasDebit = entries !== null && entries.debitVersion !== null && debit !== null;
  const hasCredit = entries !== null && entries.creditVersion !== null && credit !== null;
  return {
    seq,
    epoch,
    kind,
    reason: reasonWord(reason),
    transferId: row.originId ?? (isNamed ? row.id : ''),
    amount: String(amount ?? 0n),
    atMicros,
    debit: hasDebit ? stateAfter(debit, row) : null,
    credit: hasCredit ? stateAfter(credit, row) : null,
  };
}
