import type { Operation, Position, ReadAsked } from '../history/operation.ts';
import type { Evidence } from './evidence.ts';
import { sameState, stateText } from './final-book.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I12: what a copy answers is a prefix of the journal.
 *
 * A read of a follower or of an auditor says how far its copy had come. Its epoch is that of the
 * row there, and every account in it has exactly the state that the journal gives it there. No
 * read is older than the bound that it was asked with, whoever answered it.
 */
export const prefixReads: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  const { balances, statements, lookUps } = evidence.operations;
  for (const operation of balances) {
    for (const { position, accounts } of operation.reply ?? []) {
      checkBound(operation, operation.value, position, found);
      if (!isOfCopy(operation.value)) continue;
      const book = evidence.books.get(position.book);
      if (book === undefined || !checkPlace(operation, position, evidence, found)) continue;
      for (const state of accounts) {
        found.looked();
        const there = book.stateAt(BigInt(state.account), position.seq);
        if (there !== undefined && sameState(there, state)) continue;
        const text = `${book.name} at seq ${position.seq}: account ${state.account} was read as`;
        found.violated(`${text} ${stateText(state)}, the journal has ${stateText(there)}`, {
          operations: [operation],
        });
      }
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
