import type { JournalRow } from '../../../ledger/core/journal-row.ts';
import { namedBy } from './calls.ts';
import type { FinalBook } from './final-book.ts';

/** A row that the final journal of a book has. */
export interface Kept {
  readonly book: FinalBook;
  readonly row: JournalRow;
}

/** The journal row of a transfer or a change, by its `callName`. */
export interface KeptOutcome {
  /** Id of the transfer or change. */
  readonly id: string;
  /** Undefined: it was not read. */
  readonly book: FinalBook | undefined;
  /** Undefined: the key has no outcome there. */
  readonly row: JournalRow | undefined;
}

export function outcomeOf(callName: string, books: ReadonlyMap<number, FinalBook>): KeptOutcome {
  const { number, id } = namedBy(callName);
  const book = books.get(number);
  return { id, book, row: book?.byId.get(id) };
}
