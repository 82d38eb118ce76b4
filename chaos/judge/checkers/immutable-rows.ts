import { type JournalRow, RowKind, TRANSFER_KINDS } from '../../../ledger/core/journal-row.ts';
import { reasonWord } from '../history/replies.ts';
import type { AccountRead, EventRead, LookUpOperation, Operation } from '../history/operation.ts';
import { type DecidingBooks, wrongInLookUp } from './answer-to-row.ts';
import type { Evidence } from './evidence.ts';
import { type FinalBook, sameState, stateAfter } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I18: rows are never changed.
 *
 * Every row that any client ever read, as an event of a subscription or by a look-up, is in the
 * final journal at the same place with the same content. For a look-up this covers its epoch, the
 * moved amount, and a status with its reason that the journals can give for it at any time: a held
 * amount may be captured later, a posted transfer cannot be returned. Accounts and assets are in
 * their tables as the journal opened them (the audit of the journal). In every copy the database
 * itself refuses to change or delete rows.
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

/** Undefined: the event names another id, such as the hold that expired. */
function namedTransfer(row: JournalRow): string | undefined {
  if (row.kind === RowKind.settlement || row.kind === RowKind.return) return row.originId ?? '';
  if (TRANSFER_KINDS.includes(row.kind) || row.kind === RowKind.change) return row.id;
  return undefined;
}

function isStateOf(state: AccountRead, id: bigint | null, row: JournalRow): boolean {
  return id !== null && row.entries !== null && sameState(state, stateAfter(id, row));
}

function checkLookUp(operation: LookUpOperation, { books }: Evidence, found: Case): void {
  const { value, reply } = operation;
  const transfer = reply?.found ?? null;
  const book = books.get(value.book);
  if (transfer === null || book === undefined) return;
  found.looked();
  const { position, transferId } = transfer;
  const row = position.book === book.number ? book.at(position.seq) : undefined;
  const wrong = wrongInFound(transfer, value.transferId, row, { book, books });
  if (wrong === '') return;
  const text = `${transferId} was looked up at seq ${position.seq} as something else: ${wrong}`;
  const rows = row === undefined ? [] : [{ book: book.number, row }];
  found.violated(text, { operations: [operation], rows });
}

function wrongInFound(
  transfer: Parameters<typeof wrongInLookUp>[0],
  wanted: string,
  row: JournalRow | undefined,
  place: DecidingBooks,
): string {
  if (row === undefined || !TRANSFER_KINDS.includes(row.kind)) return 'there is no transfer';
  if (transfer.transferId !== wanted) return `${wanted} was asked for`;
  if (transfer.position.epoch !== row.epoch) return `its epoch is ${row.epoch}`;
  return wrongInLookUp(transfer, row, place);
}
