import type { JournalRow } from '../../ledger/core/journal-row.ts';
import type { TransferAnswer, TransferOperation } from '../history/operation.ts';
import { differsFrom } from './asked-row.ts';
import type { FinalBook } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I6: one outcome per key.
 *
 * All calls are grouped by the book and the transfer that their key names. A book has at most
 * one row for it. Every `ok` names that row's place and time and says the same; at most one of
 * them is not a replay. A call with another body is told that its key was used, and only such a
 * call is. Calls that failed or whose outcome is unknown are held against nothing here: when they
 * were asked again with their key, that answer is.
 */
export const oneOutcome: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  takeFindings(found, evidence, 'I6');
  for (const { number, name, twice, byId } of evidence.books.values()) {
    for (const row of twice) {
      const first = byId.get(row.id);
      const rows = [...(first ? [first] : []), row].map((one) => ({ book: number, row: one }));
      found.violated(`${name}: ${row.id} is at seq ${first?.seq} and at seq ${row.seq}`, { rows });
    }
  }
  for (const [name, calls] of evidence.calls) {
    const [bookNumber, id = ''] = name.split(' ');
    const book = evidence.books.get(Number(bookNumber));
    const row = book?.byId.get(id);
    found.looked();
    const answered: Answered[] = [];
    for (const operation of calls) {
      if (operation.reply === null) continue;
      const { reply } = operation;
      if (reply.reason !== 'IDEMPOTENCY_KEY_REUSED') answered.push({ operation, reply });
      if (book && row) checkBody(operation, reply, book, row, found);
    }
    checkTogether(id, answered, found);
    if (book && row) for (const one of answered) checkPlace(one, book, row, found);
  }
  return found.verdict();
};

interface Answered {
  readonly operation: TransferOperation;
  readonly reply: TransferAnswer;
}

function checkBody(
  operation: TransferOperation,
  { reason }: TransferAnswer,
  book: FinalBook,
  row: JournalRow,
  found: Case,
): void {
  const field = differsFrom(row, operation.value, book);
  const isRefused = reason === 'IDEMPOTENCY_KEY_REUSED';
  if (isRefused === (field !== '')) return;
  const text = isRefused
    ? `the key of ${row.id} was refused for the body that it has`
    : `a call with another ${field} got the outcome of ${row.id}`;
  found.violated(text, { operations: [operation], rows: [{ book: book.number, row }] });
}

/** The answers among themselves: this needs no journal. */
function checkTogether(id: string, answered: readonly Answered[], found: Case): void {
  const [first, ...others] = answered;
  if (first === undefined) return;
  let fresh = first.reply.replayed ? undefined : first;
  for (const other of others) {
    const pair = [first.operation, other.operation];
    const field = differs(first.reply, other.reply);
    if (field !== '')
      found.violated(`two answers to ${id} differ in ${field}`, { operations: pair });
    if (other.reply.replayed) continue;
    if (fresh !== undefined) {
      const operations = [fresh.operation, other.operation];
      found.violated(`${id} was answered twice as if it was new`, { operations });
    }
    fresh = other;
  }
}

function differs(a: TransferAnswer, b: TransferAnswer): string {
  if (a.transferId !== b.transferId) return 'the id';
  if (a.position.book !== b.position.book || a.position.seq !== b.position.seq) return 'the place';
  if (a.position.epoch !== b.position.epoch) return 'the epoch';
  if (a.decidedAtMicros !== b.decidedAtMicros) return 'the time';
  if ((a.status === 'REJECTED') !== (b.status === 'REJECTED')) return 'the status';
  if (a.status === 'REJECTED' && a.reason !== b.reason) return 'the reason';
  // What is in transit is posted or returned later; never one after the other.
  const ends = new Set([a.status, b.status].filter((status) => status !== 'IN_TRANSIT'));
  return ends.has('POSTED') && ends.has('RETURNED') ? 'the status' : '';
}

function checkPlace({ operation, reply }: Answered, book: FinalBook, row: JournalRow, found: Case) {
  const { position, decidedAtMicros } = reply;
  const isThere = position.seq === row.seq && position.epoch === row.epoch;
  if (isThere && decidedAtMicros === row.atMicros) return;
  const said = `seq ${position.seq} of epoch ${position.epoch} at ${decidedAtMicros}`;
  const has = `seq ${row.seq} of epoch ${row.epoch} at ${row.atMicros}`;
  found.violated(`${row.id} was acknowledged as ${said}, the journal has it as ${has}`, {
    operations: [operation],
    rows: [{ book: book.number, row }],
  });
}
