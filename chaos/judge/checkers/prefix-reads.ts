import { bookOf } from '../../../ledger/core/account-id.ts';
import { TRANSFER_KINDS } from '../../../ledger/core/journal-row.ts';
import type {
  AccountRead,
  BalancesOperation,
  BookRead,
  LookUpOperation,
  LookUpRead,
  Operation,
  Position,
  ReadAsked,
  StatementOperation,
  StatementRead,
} from '../history/operation.ts';
import type { Evidence } from './evidence.ts';
import { type FinalBook, sameState, stateText } from './final-book.ts';
import { momentOf } from './possible-seqs.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I12: what a copy answers is a prefix of the journal.
 *
 * A read of a follower or of an auditor states the position of its copy, and its epoch is that of
 * the row there. (An auditor ignores rows that no other copy has, see client/auditor-views.ts.)
 * Every account that an auditor read has exactly the state that the journal gives it there. Answers
 * of the API are at least as new as they state: there is one moment from that position on at which
 * every account of the book had the state that was read. No read is older than its requested bound,
 * whichever server answered it.
 *
 * No answer is incomplete, at any level: it states a position of each requested book, and contains
 * everything that was there at that position. That is every requested account, or for a whole book
 * every account, if it was open by then; the transfer that was looked up; and for a statement all
 * versions of the account, so that its closing is not an older one.
 */
export const prefixReads: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  const { balances, statements, lookUps } = evidence.operations;
  for (const operation of balances) {
    if (operation.reply === null) continue;
    const answered = operation.reply.map(({ position }) => position.book);
    checkAnswered(operation, operation.value.books, answered, found);
    for (const read of operation.reply) {
      const { position } = read;
      checkBound(operation, operation.value, position, found);
      const book = evidence.books.get(position.book);
      if (book === undefined) continue;
      if (isOfCopy(operation.value) && !checkPlace(operation, position, evidence, found)) continue;
      if (operation.value.level === 'auditor') checkExact(operation, read, book, found);
      else checkMoment(operation, read, book, found);
      checkAccounts(operation, read, book, found);
    }
  }
  for (const operation of statements) {
    const { reply, value } = operation;
    const book = bookOf(BigInt(value.account));
    if (reply !== null && isOfPlace(operation, book, reply.position, evidence, found)) {
      checkClosing(operation, reply, evidence, found);
    }
  }
  for (const operation of lookUps) {
    const { reply, value } = operation;
    if (reply !== null && isOfPlace(operation, value.book, reply.position, evidence, found)) {
      checkFound(operation, reply, evidence, found);
    }
  }
  return found.verdict();
};

/** Returns false if the read cannot be compared with a place in a journal. */
function isOfPlace(
  operation: StatementOperation | LookUpOperation,
  book: number,
  position: Position,
  evidence: Evidence,
  found: Case,
): boolean {
  checkAnswered(operation, [book], [position.book], found);
  checkBound(operation, operation.value, position, found);
  return !isOfCopy(operation.value) || checkPlace(operation, position, evidence, found);
}

function checkAnswered(
  operation: Operation,
  asked: readonly number[],
  answered: readonly number[],
  found: Case,
): void {
  const missing = asked.find((book) => !answered.includes(book));
  if (missing === undefined) return;
  found.violated(`an answer has no place of book ${missing}, which was asked`, {
    operations: [operation],
  });
}

function checkAccounts(
  operation: BalancesOperation,
  { position, whole, accounts }: BookRead,
  book: FinalBook,
  found: Case,
): void {
  const { accounts: asked = [] } = operation.value;
  const own = asked.map(BigInt).filter((id) => bookOf(id) === book.number);
  const answered = new Set(accounts.map(({ account }) => account));
  for (const id of whole ? book.scan.accounts.keys() : own) {
    const openedSeq = book.scan.accounts.get(id)?.openedSeq ?? Infinity;
    if (openedSeq > position.seq) continue;
    found.looked();
    if (answered.has(String(id))) continue;
    const text = `${book.name} was read at seq ${position.seq} without account ${id}`;
    found.violated(`${text}, open since seq ${openedSeq}`, { operations: [operation] });
    return;
  }
}

function checkClosing(
  operation: StatementOperation,
  { position, closing }: StatementRead,
  { books }: Evidence,
  found: Case,
): void {
  const { account } = operation.value;
  const there = books.get(position.book)?.stateAt(BigInt(account), position.seq);
  found.looked();
  if (there === undefined || there.version <= closing.version) return;
  const text = `a statement of seq ${position.seq} or later ends with version ${closing.version}`;
  found.violated(`${text}, account ${account} had version ${there.version} there`, {
    operations: [operation],
  });
}

function checkFound(
  operation: LookUpOperation,
  reply: LookUpRead,
  { books }: Evidence,
  found: Case,
): void {
  const { book, transferId } = operation.value;
  const { seq } = reply.position;
  found.looked();
  const row = reply.found === null ? books.get(book)?.byId.get(transferId) : undefined;
  if (row === undefined || row.seq > seq || !TRANSFER_KINDS.includes(row.kind)) return;
  found.violated(`${transferId} is of seq ${row.seq}, and was not found at seq ${seq} or later`, {
    operations: [operation],
    rows: [{ book, row }],
  });
}

function checkExact(
  operation: BalancesOperation,
  { position, accounts }: BookRead,
  book: FinalBook,
  found: Case,
): void {
  for (const state of accounts) {
    found.looked();
    const there = book.stateAt(BigInt(state.account), position.seq);
    if (there !== undefined && sameState(there, state)) continue;
    found.violated(`${book.name} at seq ${position.seq}: ${differs(state, there)}`, {
      operations: [operation],
    });
  }
}

function checkMoment(
  operation: BalancesOperation,
  read: BookRead,
  book: FinalBook,
  found: Case,
): void {
  // I7 checks that a leader read the newest state.
  for (const state of operation.value.level === 'stale' ? read.accounts : []) {
    found.looked();
    const there = book.stateOf(BigInt(state.account), state.version);
    if (there !== undefined && sameState(there, state)) continue;
    found.violated(`${book.name}: ${differs(state, there)}`, { operations: [operation] });
    return;
  }
  found.looked();
  const { fromSeq, throughSeq } = momentOf(book, read);
  if (fromSeq <= throughSeq) return;
  const text = `${book.name} was read at seq ${read.position.seq} or later as it never was:`;
  const seqs = `one version is of seq ${fromSeq}, another was over after seq ${throughSeq}`;
  found.violated(`${text} ${seqs}`, { operations: [operation] });
}

function differs(state: AccountRead, there: AccountRead | undefined): string {
  const text = `account ${state.account} was read as ${stateText(state)}`;
  return `${text}, the journal has ${stateText(there)}`;
}

function isOfCopy({ level }: ReadAsked): boolean {
  return level === 'stale' || level === 'auditor';
}

function checkBound(operation: Operation, asked: ReadAsked, at: Position, found: Case): void {
  const { minPosition: least } = asked;
  if (least === null || least.book !== at.book) return;
  found.looked();
  if (at.seq >= least.seq) return;
  const text = `a read that had to be as new as seq ${least.seq} is of seq ${at.seq}`;
  found.violated(text, { operations: [operation] });
}

/** Returns false if no journal has the position that a read states. */
function checkPlace(
  operation: Operation,
  { book: number, epoch, seq }: Position,
  { books }: Evidence,
  found: Case,
): boolean {
  const book = books.get(number);
  if (book === undefined || seq === 0) return true;
  found.looked();
  const row = book.at(seq);
  if (row?.epoch === epoch) return true;
  const there = row === undefined ? 'nothing is' : `a row of epoch ${row.epoch} is`;
  found.violated(`${book.name} was read at seq ${seq} of epoch ${epoch}, where ${there}`, {
    operations: [operation],
    rows: row === undefined ? [] : [{ book: number, row }],
  });
  return false;
}
