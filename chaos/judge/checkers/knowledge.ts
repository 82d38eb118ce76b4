import type { Operation } from '../history/operation.ts';
import type { FinalBook } from './final-book.ts';
import { atOrBefore } from './sorted.ts';

/** How far the leader of an epoch knew the journal of its book, at the end of a call. */
export interface Known {
  readonly book: number;
  readonly epoch: number;
  readonly seq: number;
}

/** How far a leader knows the journal, and the call that shows it; null: it began with that. */
export interface Reached {
  readonly seq: number;
  readonly by: Operation | null;
}

/**
 * The rows that leaders must know. Each begins with all rows of earlier epochs; it never forgets
 * what it has reported, deposed or not. A journal has no gaps, so one seq is enough.
 */
export class Knowledge {
  readonly #books: ReadonlyMap<number, FinalBook>;
  readonly #reached = new Map<number, Map<number, Reached>>();

  constructor(books: ReadonlyMap<number, FinalBook>) {
    this.#books = books;
  }

  of(book: number, epoch: number): Reached {
    const ofBook = this.#reached.get(book) ?? new Map<number, Reached>();
    this.#reached.set(book, ofBook);
    const known = ofBook.get(epoch);
    if (known !== undefined) return known;
    const rows = this.#books.get(book)?.rows ?? [];
    const inherited = rows[atOrBefore(rows, epoch - 1, (row) => row.epoch)];
    const first = { seq: inherited?.seq ?? 0, by: null };
    ofBook.set(epoch, first);
    return first;
  }

  add({ book, epoch, seq }: Known, by: Operation): void {
    if (seq > this.of(book, epoch).seq) this.#reached.get(book)?.set(epoch, { seq, by });
  }
}
