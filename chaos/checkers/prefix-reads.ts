import type {
  AccountRead,
  BalancesOperation,
  BookRead,
  Operation,
  Position,
  ReadAsked,
} from '../history/operation.ts';
import type { Evidence } from './evidence.ts';
import { type FinalBook, sameState, stateText } from './final-book.ts';
import { momentOf } from './moment.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I12: what a copy answers is a prefix of the journal.
 *
 * A read of a follower or of an auditor says how far its copy had come, and its epoch is that of
 * the row there. (An auditor does not take for the journal what no other copy has, see
 * client/auditor-views.ts.) Every account that an auditor read has exactly the state that the journal gives
 * it there. What the API answers is at least as new as it says: there is one moment from that
 * place on, at which every account of the book had the state that was read. No read is older than
 * the bound that it was asked with, whoever answered it.
 */
export const prefixReads: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  const { balances, statements, lookUps } = evidence.operations;
  for (const operation of balances) {
    for (const read of operation.reply ?? []) {
      const { position } = read;
      checkBound(operation, operation.value, position, found);
      const book = evidence.books.get(position.book);
      if (book === undefined) continue;
      if (isOfCopy(operation.value) && !checkPlace(operation, position, evidence, found)) continue;
      if (operation.value.level === 'auditor') checkExact(operation, read, book, found);
      else checkMoment(operation, read, book, found);
    }
  }
  for (const operation of [...statements, ...lookUps]) {
    if (operation.reply === null) continue;
    const { position } = operation.reply;
    checkBound(operation, operation.value, position, found);
    if (isOfCopy(operation.value)) checkPlace(operation, position, evidence, found);
  }
  return found.verdict();
};

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
  // That a leader read what there was is a matter of each account.
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

/** False: the place that a read names is in no journal. */
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
