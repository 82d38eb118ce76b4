import { bookOf } from '../../../ledger/core/account-id.ts';
import type { JournalRow } from '../../../ledger/core/journal-row.ts';
import type {
  ChangeReply,
  ChangeOperation,
  OpenOperation,
  Operation,
  Position,
  TransferReply,
  TransferOperation,
} from '../history/operation.ts';
import { changeDiffersFrom, differsFrom } from './asked-row.ts';
import type { Evidence } from './evidence.ts';
import type { FinalBook } from './final-book.ts';
import { takeFindings } from './from-audit.ts';
import { outcomeOf } from './kept.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I6: one outcome per key.
 *
 * All calls are grouped by the book and the transfer, or change of an account, that their key
 * names; openings by the region and the external id. A book has at most one row for each. Every
 * `ok` names that row's place and time and states the same outcome; at most one of them is not a
 * replay. A call with another body is answered that its key was used, and only such a call is; for
 * transfers the answer names the first field that differs. Failed calls and unknown outcomes are
 * not checked here: the answer to a retry with the same key is.
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
  const keyed: [string, readonly (TransferOperation | ChangeOperation)[]][] = [
    ...evidence.calls,
    ...evidence.changeCalls,
  ];
  for (const [name, calls] of keyed) {
    const { id, book, row } = outcomeOf(name, evidence.books);
    found.looked();
    const answered: Answered[] = [];
    for (const operation of calls) {
      const { reply } = operation;
      if (reply === null) continue;
      if (reply.reason !== REUSED) answered.push({ operation, reply });
      if (book) checkBody(operation, reply, book, row, found);
    }
    checkTogether(id, answered, found);
    if (book && row) for (const one of answered) checkPlace(one, book, row, found);
  }
  for (const [name, calls] of evidence.openCalls) checkOpenings(name, calls, evidence, found);
  return found.verdict();
};

const REUSED = 'IDEMPOTENCY_KEY_REUSED';

type Reply = TransferReply | ChangeReply;

interface Answered {
  readonly operation: Operation;
  readonly reply: Reply;
}

function checkBody(
  operation: TransferOperation | ChangeOperation,
  reply: Reply,
  book: FinalBook,
  row: JournalRow | undefined,
  found: Case,
): void {
  const isRefused = reply.reason === REUSED;
  if (row === undefined) {
    // A missing acknowledged row is a loss, which is not decided here.
    if (!isRefused) return;
    const text = `${book.name}: a key was refused as used that has no outcome`;
    found.violated(text, { operations: [operation] });
    return;
  }
  const rows = [{ book: book.number, row }];
  const field = isTransfer(operation)
    ? differsFrom(row, operation.value, book)
    : changeDiffersFrom(row, operation.value);
  if (isRefused !== (field !== '')) {
    const text = isRefused
      ? `the key of ${row.id} was refused for the body that it has`
      : `a call with another ${field} got the outcome of ${row.id}`;
    found.violated(text, { operations: [operation], rows });
  } else if (isRefused && 'differingField' in reply && reply.differingField !== field) {
    const text = `the key of ${row.id} was refused for another ${reply.differingField}`;
    found.violated(`${text}, what differs is ${field}`, { operations: [operation], rows });
  }
}

function isTransfer(
  operation: TransferOperation | ChangeOperation,
): operation is TransferOperation {
  return operation.f !== 'change';
}

/** Compares the answers with each other, which needs no journal. */
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
      found.violated(`${id} was answered as new twice`, { operations });
    }
    fresh = other;
  }
}

function differs(a: Reply, b: Reply): string {
  if (a.position.book !== b.position.book || a.position.seq !== b.position.seq) return 'the place';
  if (a.position.epoch !== b.position.epoch) return 'the epoch';
  if (!('status' in a) || !('status' in b)) return a.reason === b.reason ? '' : 'the reason';
  if (a.transferId !== b.transferId) return 'the id';
  if (a.decidedAtMicros !== b.decidedAtMicros) return 'the time';
  if ((a.status === 'REJECTED') !== (b.status === 'REJECTED')) return 'the status';
  if (a.status === 'REJECTED' && a.reason !== b.reason) return 'the reason';
  // A transfer in transit is posted or returned later; never one after the other.
  const ends = new Set([a.status, b.status].filter((status) => status !== 'IN_TRANSIT'));
  return ends.has('POSTED') && ends.has('RETURNED') ? 'the status' : '';
}

function checkPlace({ operation, reply }: Answered, book: FinalBook, row: JournalRow, found: Case) {
  const { position } = reply;
  // The answer to a change contains no time here.
  const atMicros = 'decidedAtMicros' in reply ? reply.decidedAtMicros : row.atMicros;
  if (isAt(position, book, row) && atMicros === row.atMicros) return;
  const stated = `seq ${position.seq} of epoch ${position.epoch} of book ${position.book} at ${atMicros}`;
  const has = `seq ${row.seq} of epoch ${row.epoch} of book ${book.number} at ${row.atMicros}`;
  found.violated(`${row.id} was acknowledged as ${stated}, the journal has it as ${has}`, {
    operations: [operation],
    rows: [{ book: book.number, row }],
  });
}

function isAt(position: Position, book: FinalBook, { seq, epoch }: JournalRow): boolean {
  return position.book === book.number && position.seq === seq && position.epoch === epoch;
}

/** Checks openings of one external id in one region. Refused openings are not recorded. */
function checkOpenings(
  name: string,
  calls: readonly OpenOperation[],
  { books }: Evidence,
  found: Case,
): void {
  found.looked();
  const opened = calls.filter(({ reply }) => reply !== null && reply.accountId !== '');
  const fresh = opened.filter(({ reply }) => reply?.replayed === false);
  if (fresh.length > 1) {
    const text = `the opening of ${name} was answered as new twice`;
    found.violated(text, { operations: fresh.slice(0, 2) });
  }
  for (const operation of opened) {
    const { accountId = '0', position = NOWHERE } = operation.reply ?? {};
    const [first] = opened;
    if (first !== undefined && first.reply?.accountId !== accountId) {
      const text = `two answers to the opening of ${name} differ in the account`;
      found.violated(text, { operations: [first, operation] });
    }
    const book = books.get(bookOf(BigInt(accountId)));
    const row = book?.at(book.scan.accounts.get(BigInt(accountId))?.openedSeq ?? 0);
    if (!book || !row || isAt(position, book, row)) continue;
    const text = `account ${accountId} was acknowledged as opened at seq ${position.seq}`;
    found.violated(`${text} of epoch ${position.epoch}, it was at seq ${row.seq} of ${row.epoch}`, {
      operations: [operation],
      rows: [{ book: book.number, row }],
    });
  }
}

const NOWHERE: Position = { book: 0, epoch: 0, seq: 0 };
