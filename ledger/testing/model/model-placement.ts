import { createHash } from 'node:crypto';
import type { ModelBook } from './model-state.ts';

/** Why a book does not open a name; undefined: it does. */
export type NotOwned = 'elsewhere' | 'contradiction' | undefined;

/** Numbers of the books of a region that a router knows, in the order in which they joined it. */
export type JoinedBooks = readonly number[];

/**
 * Decides whether a book opens a name that it does not have, for a router that knows these books of
 * the region, and keeps their list if it is longer than the one before.
 */
export function placeName(book: ModelBook, name: string, sent: JoinedBooks): NotOwned {
  const common = Math.min(book.region.length, sent.length);
  for (let place = 0; place < common; place += 1) {
    if (book.region[place] !== sent[place]) return 'contradiction';
  }
  book.region.push(...sent.slice(book.region.length));
  const weights = book.region.map((each) => weightOf(each, name));
  const heaviest = weights.toSorted().at(-1) ?? '';
  const owner = book.region[weights.indexOf(heaviest)] ?? book.number;
  // Only a router that has named the books has asked those before this one.
  const isAsked = sent.length > 0 || (book.region[0] ?? book.number) === book.number;
  return owner === book.number && isAsked ? undefined : 'elsewhere';
}

/** Hex digits, which sort as the numbers do. */
function weightOf(book: number, name: string): string {
  return createHash('sha256').update(`${book}:${name}`).digest('hex').slice(0, 12);
}
