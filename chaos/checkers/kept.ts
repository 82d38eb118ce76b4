import type { JournalRow } from '../../ledger/core/journal-row.ts';
import { namedBy } from './calls.ts';
import type { FinalBook } from './final-book.ts';

/** A row that the final journal of a book has. */
export interface Kept {
  readonly book: FinalBook;
  readonly row: JournalRow;
}

/** What the journals have of a transfer or a change, by its `callName`. */
export interface Outcome extends Partial<Kept> {
  /** Of the transfer or change. */
  readonly id: string;
}

/** No book: it was not read. A book and no row: the key has no outcome there. */
export function outcomeOf(callName: string, books: ReadonlyMap<number, FinalBook>): Outcome {
  const { number, id } = namedBy(callName);
  const book = books.get(number);
  const row = book?.byId.get(id);
  return { id, ...(book && { book }), ...(row && { row }) };
}
