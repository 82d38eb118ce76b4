import type { RegionName } from '../local/layout.ts';
import type { MemberDatabase } from './member-database.ts';
import type { BookStatus } from './status.ts';

export interface NamedBook {
  readonly number: number;
  readonly name: string;
  readonly home: RegionName;
}

/** The books of an installation of either profile, for those who only read them. */
export interface BookCopies {
  readonly books: readonly NamedBook[];
  /** The database with the newest rows of a book. Throws when no copy of it answers. */
  newestCopy(book: NamedBook): Promise<MemberDatabase>;
  /** How a book is now. Never throws: parts that do not answer are named as such. */
  bookStatus(book: NamedBook): Promise<BookStatus>;
  close(): Promise<void>;
}
