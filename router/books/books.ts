import type { Book } from '../../ledger/core/book.ts';
import { bookOf } from '../../ledger/core/account-id.ts';
import { candidatesOf, type RegionBooks, regionBooksOf } from '../../ledger/core/placement.ts';
import { invalidArgument } from '../../ledger/rpc/error.ts';

/** The static directory: which books there are, and which region homes them. */
export class Books {
  readonly all: readonly Book[];

  constructor(books: readonly Book[]) {
    this.all = books.toSorted((a, b) => a.number - b.number);
  }

  /** Undefined: no book has this name. */
  named(name: string | undefined): Book | undefined {
    return this.all.find((book) => book.name === name);
  }

  /** All names, as an error lists them. */
  get names(): string {
    return this.all.map(({ name }) => name).join(', ');
  }

  /** Books of a region, by number. Throws INVALID_ARGUMENT if there is no such region. */
  inRegion(region: string, field: string): readonly Book[] {
    const unknown = this.unknownRegion(region);
    if (unknown !== undefined) throw invalidArgument([{ field, description: unknown }]);
    return this.all.filter((book) => book.region === region);
  }

  /** Returns what is wrong with the name of a region; undefined if it homes a book. */
  unknownRegion(region: string): string | undefined {
    if (this.all.some((book) => book.region === region)) return undefined;
    const regions = [...new Set(this.all.map((book) => book.region))].join(', ');
    return `must be one of ${regions}`;
  }

  /**
   * The books of a region that an account of this external id may be in: those that have owned the
   * name since the first book joined the region, the oldest first and the owner of now last.
   */
  candidates(region: string, externalId: string, field: string): readonly Book[] {
    const books = this.inRegion(region, field);
    const numbers = candidatesOf(
      externalId,
      books.map(({ number }) => number),
    );
    return books.filter(({ number }) => numbers.includes(number));
  }

  /** Numbers of all books of a region. */
  regionBooks(region: string): RegionBooks {
    return regionBooksOf(this.all, region);
  }

  /** The book that an account id points to. Throws INVALID_ARGUMENT if there is none. */
  ofAccount(id: bigint, field: string): Book {
    const book = this.all.find(({ number }) => number === bookOf(id));
    if (book !== undefined) return book;
    const description = `${id} is not the id of an account in any book`;
    throw invalidArgument([{ field, description }]);
  }
}
