import { bookOf } from '../../../ledger/core/account-id.ts';
import { reasonWord } from '../history/replies.ts';
import type {
  ChangeOperation,
  OpenOperation,
  Operation,
  Position,
  TransferOperation,
} from '../history/operation.ts';
import { wrongInAnswer } from './answer-to-row.ts';
import { changeDiffersFrom, differsFrom, openingDiffersFrom } from './asked-row.ts';
import { type Evidence, homeRegions } from './evidence.ts';
import type { FinalBook } from './final-book.ts';
import { type Kept, outcomeOf } from './kept.ts';
import { Case, type Checker } from './verdict.ts';

/**
 * I4: no acknowledged outcome is lost.
 *
 * Every `ok` to a transfer, a change or an opening, including replays, names a row in the final
 * journal of its book, under its id, with every requested field, and in every other copy at the
 * same place. Everything that the answer states follows from that row: its status and reason, those
 * of the legs of a group, the moved amount and when a hold expires. A transfer answered as posted
 * in another book is in the journal of that book, and one answered as returned has its return, with
 * that reason. An opened account is in a book of the requested region. Transfers that were answered
 * as rejected but applied are left to I21. A copy that has not reached that place yet makes the
 * verdict unknown.
 */
export const nothingLost: Checker = (evidence) => {
  const found = new Case();
  found.unknown(...evidence.missing);
  const acknowledged = new Acknowledged(evidence, found);
  for (const [name, calls] of evidence.calls) {
    for (const operation of calls) acknowledged.transfer(operation, name);
  }
  for (const [name, calls] of evidence.changeCalls) {
    for (const operation of calls) acknowledged.change(operation, name);
  }
  for (const operation of evidence.operations.opens) acknowledged.open(operation);
  for (const [book, seq] of acknowledged.through) checkCopies(book, seq, found);
  return found.verdict();
};

/** Compares acknowledged outcomes with the journals. */
class Acknowledged {
  /** The newest row of each book that an answer names. */
  readonly through = new Map<FinalBook, number>();
  readonly #evidence: Evidence;
  readonly #regions: ReadonlyMap<number, string>;
  readonly #found: Case;

  constructor(evidence: Evidence, found: Case) {
    this.#evidence = evidence;
    this.#regions = homeRegions(evidence);
    this.#found = found;
  }

  transfer(operation: TransferOperation, name: string): void {
    const { reply, value } = operation;
    if (reply === null || reply.reason === 'IDEMPOTENCY_KEY_REUSED') return;
    const kept = this.#row(operation, reply.position, name);
    if (kept === undefined) return;
    const { book, row } = kept;
    const field = differsFrom(row, value, book);
    if (field !== '') this.#otherThanAsked(operation, kept, field);
    if (reply.status === 'REJECTED' && row.reason === 0) return;
    const wrong = wrongInAnswer(reply, value, row, { book, books: this.#evidence.books });
    if (wrong !== '') this.#violated(operation, kept, wrong);
  }

  change(operation: ChangeOperation, name: string): void {
    const { reply, value } = operation;
    if (reply === null || reply.reason === 'IDEMPOTENCY_KEY_REUSED') return;
    const kept = this.#row(operation, reply.position, name);
    if (kept === undefined) return;
    const { row } = kept;
    const field = changeDiffersFrom(row, value);
    if (field !== '') this.#otherThanAsked(operation, kept, field);
    if (row.reason === 0 || reply.reason === reasonWord(row.reason)) return;
    const answered = reply.reason === '' ? 'applied' : `refused with ${reply.reason}`;
    const text = `acknowledged as ${answered}, was refused with ${reasonWord(row.reason)}`;
    this.#violated(operation, kept, text);
  }

  open(operation: OpenOperation): void {
    const { reply, value } = operation;
    if (reply === null || value.dryRun || reply.accountId === '') return;
    const number = bookOf(BigInt(reply.accountId));
    const book = this.#evidence.books.get(number);
    const isAtHome = this.#regions.get(number) === value.homeRegion;
    // The rows of a book that was not read are unknown; a book of another region is wrong in any
    // case.
    if (book === undefined && isAtHome) return;
    this.#found.looked();
    const account = book?.scan.accounts.get(BigInt(reply.accountId));
    const row = account === undefined ? undefined : book?.at(account.openedSeq);
    if (book === undefined || row === undefined) {
      const at = book?.name ?? `book ${number}`;
      this.#found.violated(`${at}: account ${value.externalId}, acknowledged, is not there`, {
        operations: [operation],
      });
      return;
    }
    this.#needs(book, row.seq);
    const field = isAtHome ? openingDiffersFrom(row, value) : 'home_region';
    if (field !== '') this.#otherThanAsked(operation, { book, row }, field);
  }

  /** Returns the row that an answer names. Undefined: it is absent, or its book was not read. */
  #row(operation: Operation, { seq, epoch }: Position, name: string): Kept | undefined {
    const { id, book, row } = outcomeOf(name, this.#evidence.books);
    if (book === undefined) return undefined;
    this.#found.looked();
    if (row !== undefined) {
      this.#needs(book, row.seq);
      return { book, row };
    }
    const at = `${book.name}, seq ${seq} of epoch ${epoch}`;
    const text = `${at}: acknowledged ${operation.f} ${id} is not there`;
    this.#found.violated(text, { operations: [operation] });
    return undefined;
  }

  #needs(book: FinalBook, seq: number): void {
    this.through.set(book, Math.max(this.through.get(book) ?? 0, seq));
  }

  #otherThanAsked(operation: Operation, kept: Kept, field: string): void {
    this.#violated(operation, kept, `has another ${field} than was acknowledged`);
  }

  #violated(operation: Operation, { book, row }: Kept, text: string): void {
    const rows = [{ book: book.number, row }];
    this.#found.violated(`${book.name}, seq ${row.seq}: ${text}`, {
      operations: [operation],
      rows,
    });
  }
}

/** Everything up to the newest acknowledged row is in every copy, at the same place. */
function checkCopies(book: FinalBook, through: number, found: Case): void {
  for (const { region, rows } of book.replicas) {
    if (rows.length < through) {
      const behind = `the copy of ${book.name} in ${region} ends at seq ${rows.length}`;
      found.unknown(`${behind}, acknowledged is ${through}`);
    }
    const count = Math.min(through, rows.length);
    for (let index = 0; index < count; index += 1) {
      const row = book.rows[index];
      const other = rows[index]?.row;
      if (row === other || row === undefined || row.id === other?.id) continue;
      found.violated(`the copy of ${book.name} in ${region} has no ${row.id} at seq ${row.seq}`, {
        rows: [{ book: book.number, row }],
      });
    }
  }
}
