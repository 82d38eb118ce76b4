import { type JournalRow, RowKind, TRANSFER_KINDS } from '../../ledger/core/journal-row.ts';
import { reasonWord } from '../history/heard.ts';
import type { AccountRead, EventRead, Operation } from '../history/operation.ts';
import type { Evidence } from './evidence.ts';
import { type FinalBook, sameState, stateAfter } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I18: rows are never changed.
 *
 * Every row that any client ever read, as an event of a subscription or by a look-up, is in the
 * final journal at the same place with the same content. Accounts and assets stand in their tables
 * as the journal opened them (the audit of the journal). In every copy the database itself
 * refuses to change or delete rows.
 */
export const immutableRows: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  takeFindings(found, evidence, 'I18');
  for (const { name, primary, replicas } of evidence.books.values()) {
    for (const { region, changeable } of [primary, ...replicas]) {
      for (const why of changeable) found.violated(`${name} in ${region}: ${why}`);
    }
  }
  for (const operation of evidence.operations.pages) {
    const book = evidence.books.get(operation.value.book);
    if (book === undefined) continue;
    for (const event of operation.reply?.events ?? []) {
      checkEvent(operation, event, book, found);
    }
  }
  for (const operation of evidence.operations.lookUps) checkLookUp(operation, evidence, found);
  return found.verdict();
};

function checkEvent(operation: Operation, event: EventRead, book: FinalBook, found: Case): void {
  found.looked();
  const row = book.at(event.seq);
  const field = row === undefined ? 'row: there is none' : differingField(event, row);
  if (field === '') return;
  const text = `${book.name}, seq ${event.seq} was read with another ${field}`;
  const rows = row === undefined ? [] : [{ book: book.number, row }];
  found.violated(text, { operations: [operation], rows });
}

function differingField(event: EventRead, row: JournalRow): string {
  if (event.kind !== row.kind) return 'kind';
  if (event.epoch !== row.epoch) return 'epoch';
  if (event.atMicros !== row.atMicros) return 'time';
  if (event.reason !== reasonWord(row.reason)) return 'reason';
  if (event.amount !== String(row.amount ?? 0n)) return 'amount';
  const named = namedTransfer(row);
  if (named !== undefined && event.transferId !== named) return 'transfer';
  for (const [state, id] of [
    [event.debit, row.debitAccount],
    [event.credit, row.creditAccount],
  ] as const) {
    if (state !== null && !isStateOf(state, id, row)) return 'state of an account';
  }
  return '';
}

/** Undefined: the event names something else, such as the hold that expired. */
function namedTransfer(row: JournalRow): string | undefined {
  if (row.kind === RowKind.settlement || row.kind === RowKind.return) return row.originId ?? '';
  if (TRANSFER_KINDS.includes(row.kind) || row.kind === RowKind.change) return row.id;
  return undefined;
}

function isStateOf(state: AccountRead, id: bigint | null, row: JournalRow): boolean {
  return id !== null && row.entries !== null && sameState(state, stateAfter(id, row));
}

function checkLookUp(
  operation: Evidence['operations']['lookUps'][number],
  { books }: Evidence,
  found: Case,
): void {
  const transfer = operation.reply?.found ?? null;
  const book = transfer === null ? undefined : books.get(transfer.position.book);
  if (transfer === null || book === undefined) return;
  found.looked();
  const { seq, epoch } = transfer.position;
  const row = book.at(seq);
  const isApplied = transfer.status !== 'REJECTED';
  const amount = row?.kind === RowKind.group ? '0' : String(row?.amount ?? 0n);
  const isSame =
    row?.id === transfer.transferId &&
    row.epoch === epoch &&
    (row.reason === 0) === isApplied &&
    (!isApplied || transfer.actualAmount === amount);
  if (isSame) return;
  found.violated(`${transfer.transferId} was looked up at seq ${seq} as something else`, {
    operations: [operation],
    rows: row === undefined ? [] : [{ book: book.number, row }],
  });
}
