import { type JournalRow, RowKind, TRANSFER_KINDS } from '../../ledger/core/journal-row.ts';
import type { TransferOperation } from '../history/operation.ts';
import type { Evidence } from './evidence.ts';
import type { FinalBook } from './final-book.ts';
import { RefusalJudge } from './refusal-judge.ts';
import { inTime } from './timeline.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I21: definite refusals are honest.
 *
 * What a client was told has definitely not been applied is not in the final journal, unless
 * another call with the same key may have brought it there. What was answered as rejected is
 * rejected in the journal, too. Every reason that a journal gives was true in the state that the
 * rows before it come to, and no call was refused from a state older than itself: its row
 * stands after those of all calls that had ended before it began.
 */
export const honestRefusals: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  for (const [name, calls] of evidence.calls) {
    const [bookNumber, id = ''] = name.split(' ');
    const book = evidence.books.get(Number(bookNumber));
    const row = book?.byId.get(id);
    if (book === undefined || row === undefined) continue;
    checkCalls(calls, book, row, found);
  }
  for (const book of evidence.books.values()) checkReasons(book, evidence, found);
  checkTime(evidence, found);
  return found.verdict();
};

function checkCalls(
  calls: readonly TransferOperation[],
  book: FinalBook,
  row: JournalRow,
  found: Case,
): void {
  const rows = [{ book: book.number, row }];
  const failed = calls.find(({ type }) => type === 'fail');
  if (failed !== undefined) {
    found.looked();
    if (!calls.some(mayHaveDone)) {
      const text = `${book.name}, seq ${row.seq}: was said not to be applied`;
      found.violated(text, { operations: [failed], rows });
    }
  }
  for (const operation of calls) {
    const { reply } = operation;
    if (reply?.status !== 'REJECTED' || reply.reason === 'IDEMPOTENCY_KEY_REUSED') continue;
    if (row.reason !== 0) continue;
    const text = `${book.name}, seq ${row.seq}: was said to be rejected (${reply.reason})`;
    found.violated(text, { operations: [operation], rows });
  }
}

function mayHaveDone({ type, reply }: TransferOperation): boolean {
  if (type === 'info') return true;
  return reply !== null && !reply.replayed && reply.reason !== 'IDEMPOTENCY_KEY_REUSED';
}

function checkReasons(book: FinalBook, { header }: Evidence, found: Case): void {
  const judge = new RefusalJudge(book, new Set(header.books.map(({ number }) => number)));
  for (const row of book.rows) {
    if (row.reason === 0 || row.seq <= book.startSeq) continue;
    if (!TRANSFER_KINDS.includes(row.kind) && row.kind !== RowKind.settlement) continue;
    found.looked();
    const problem = judge.problemOf(row);
    if (problem === '') continue;
    const text = `${book.name}, seq ${row.seq}: ${problem}`;
    found.violated(text, { rows: [{ book: book.number, row }] });
  }
}

function seqOf({ reply }: TransferOperation): number {
  return reply?.position.seq ?? 0;
}

/** Only the order of rows tells from what state a refusal is: it changes no version. */
function checkTime({ operations }: Evidence, found: Case): void {
  const decided = operations.transfers.filter(
    ({ reply, value }) =>
      reply !== null &&
      !value.dryRun &&
      !reply.replayed &&
      reply.reason !== 'IDEMPOTENCY_KEY_REUSED',
  );
  const newest = new Map<number, TransferOperation>();
  const onBegin = (operation: TransferOperation) => {
    const { reply } = operation;
    if (reply?.status !== 'REJECTED') return;
    const before = newest.get(reply.position.book);
    if (before === undefined || seqOf(operation) > seqOf(before)) return;
    const text = `a call was refused at seq ${seqOf(operation)}, when seq ${seqOf(before)}`;
    found.violated(`${text} was acknowledged before`, { operations: [before, operation] });
  };
  const onEnd = (operation: TransferOperation) => {
    const book = operation.reply?.position.book ?? 0;
    const before = newest.get(book);
    if (before === undefined || seqOf(operation) > seqOf(before)) newest.set(book, operation);
  };
  inTime(decided, onBegin, onEnd);
}
