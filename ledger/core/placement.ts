import { hash } from 'node:crypto';
import { must } from './assert.ts';
import { REGION_BOOKS_MAX } from './limits.ts';

/**
 * The numbers of the books that a region homes, in the order in which they joined it, which is
 * ascending: a book that joins a region has a higher number than the others there. So what the
 * region homed at an earlier time is a prefix of what it homes now.
 */
export type RegionBooks = readonly number[];

/**
 * The book among `regionBooks` that a new account of this external id belongs to: the one with the
 * highest weight. A book that joins the region takes some names from each of the others, and no
 * name moves between those.
 *
 * @throws InvariantError if there is no book
 */
export function ownerOf(externalId: string, regionBooks: RegionBooks): number {
  return must(candidatesOf(externalId, regionBooks).at(-1), 'a region homes a book');
}

/**
 * Every book that has owned the external id since the first book joined, the oldest owner first
 * and the owner of now last: an account that exists is in one of them. About 1 + ln(n) of n books.
 */
export function candidatesOf(externalId: string, regionBooks: RegionBooks): number[] {
  const [only, ...others] = regionBooks;
  // Most regions home one book: nothing needs to be hashed there.
  if (others.length === 0) return only === undefined ? [] : [only];
  const candidates: number[] = [];
  let highest = -1;
  for (const book of regionBooks) {
    const weight = weightOf(externalId, book);
    // Of equal weights the older book keeps the name.
    if (weight <= highest) continue;
    highest = weight;
    candidates.push(book);
  }
  return candidates;
}

/** 48 bits of a hash: the same on every machine and with every release. */
function weightOf(externalId: string, book: number): number {
  return hash('sha256', `${book}:${externalId}`, 'buffer').readUIntBE(0, 6);
}

/** True if `longer` begins with `shorter`, or is equal to it. */
export function continues(longer: RegionBooks, shorter: RegionBooks): boolean {
  return shorter.length <= longer.length && shorter.every((book, place) => longer[place] === book);
}

/** The longer of two lists; undefined: they contradict each other, as neither continues the other. */
export function longerOf(a: RegionBooks, b: RegionBooks): RegionBooks | undefined {
  if (continues(a, b)) return a;
  return continues(b, a) ? b : undefined;
}

/** The books of a region by the configuration of an installation. */
export function regionBooksOf(
  books: readonly { readonly number: number; readonly region: string }[],
  region: string,
): RegionBooks {
  return books
    .flatMap((book) => (book.region === region ? [book.number] : []))
    .toSorted((a, b) => a - b);
}

/** What is wrong with a list that a router has sent to a book; undefined: nothing. */
export function malformedRegionBooks(regionBooks: RegionBooks, book: number): string | undefined {
  const ascending = regionBooks.every((each, place) => each > (regionBooks[place - 1] ?? 0));
  if (regionBooks.length > REGION_BOOKS_MAX) return `must have at most ${REGION_BOOKS_MAX} books`;
  if (!ascending || (regionBooks.at(-1) ?? 0) > 32_767) return 'must be ascending numbers of books';
  return regionBooks.includes(book) ? undefined : `must contain book ${book}, which is asked`;
}
