import { RowKind, TRANSFER_KINDS } from '../../../ledger/core/journal-row.ts';
import type { Operation, TransferOperation } from '../history/operation.ts';
import { changeDiffersFrom, differsFrom } from './asked-row.ts';
import type { Evidence } from './evidence.ts';
import type { FinalBook } from './final-book.ts';
import { type Kept, outcomeOf } from './kept.ts';
import { KnownSeqs } from './known-seqs.ts';
import { RefusalJudge } from './refusal-judge.ts';
import { inTime } from './timeline.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I21: definite refusals are honest.
 *
 * A transfer or a change of an account that was answered as definitely not applied is not in the
 * final journal, unless another call with the same key and body may have made the row: one that did
 * not fail, and began before an answer showed that the journal had reached the row. A transfer that
 * was answered as rejected is rejected in the journal, too. Every reason in a journal was true in
 * the state that results from the rows before it, and no call was refused from a state older than
 * itself: its row follows those of all calls that had ended before it began.
 */
export const honestRefusals: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  const { operations, books } = evidence;
  const known = new KnownSeqs([...operations.transfers, ...operations.changes]);
  for (const [name, calls] of evidence.calls) {
    const { book, row } = outcomeOf(name, books);
    if (!book || !row || !TRANSFER_KINDS.includes(row.kind)) continue;
    const kept = { book, row };
    checkFailed(calls, kept, ({ value }) => differsFrom(row, value, book) === '', known, found);
    checkRejected(calls, kept, ({ status }) => status === 'REJECTED', found);
  }
  for (const [name, calls] of evidence.changeCalls) {
    const { book, row } = outcomeOf(name, books);
    if (!book || row?.kind !== RowKind.change) continue;
    const kept = { book, row };
    checkFailed(calls, kept, ({ value }) => changeDiffersFrom(row, value) === '', known, found);
    checkRejected(calls, kept, ({ reason }) => reason !== '', found);
  }
  for (const book of books.values()) checkReasons(book, evidence, found);
  checkTime(evidence, found);
  return found.verdict();
};

/** Checks calls with one key: if one that asked for the row failed, another must have made it. */
function checkFailed<Call extends Operation>(
  calls: readonly Call[],
  { book, row }: Kept,
  asksForRow: (call: Call) => boolean,
  known: KnownSeqs,
  found: Case,
): void {
  if (!calls.some(({ type }) => type === 'fail')) return;
  found.looked();
  const asking = calls.filter(asksForRow);
  const failed = asking.find(({ type }) => type === 'fail');
  if (failed === undefined) return;
  // A replay does not show which call made the row: a router may have sent one call twice.
  const mayHaveDone = ({ type, invokedNs }: Call) =>
    type !== 'fail' && known.before(book.number, invokedNs) < row.seq;
  if (asking.some(mayHaveDone)) return;
  const text = `${book.name}, seq ${row.seq}: was answered as not applied`;
  found.violated(text, { operations: [failed], rows: [{ book: book.number, row }] });
}

function checkRejected<Reply extends { readonly reason: string }>(
  calls: readonly Operation<unknown, Reply>[],
  { book, row }: Kept,
  isRejected: (reply: Reply) => boolean,
  found: Case,
): void {
  if (row.reason !== 0) return;
  for (const operation of calls) {
    const { reply } = operation;
    if (reply === null || reply.reason === 'IDEMPOTENCY_KEY_REUSED' || !isRejected(reply)) continue;
    const text = `${book.name}, seq ${row.seq}: was answered as rejected (${reply.reason})`;
    found.violated(text, { operations: [operation], rows: [{ book: book.number, row }] });
  }
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

/** Only the order of rows shows the state that a refusal was decided in: it changes no version. */
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
