import type { Topology, TopologyBook } from './topology.ts';

/**
 * Which topologies may follow one another on the same data: regions and books can be added, and
 * what is there keeps its name, its number, its home and its place in the order.
 */

export interface Growth {
  readonly regions: readonly string[];
  readonly books: readonly TopologyBook[];
}

/** What `next` has in addition to `present`. */
export function growthFrom(present: Topology, next: Topology): Growth {
  const known = new Set(present.books.map(({ number }) => number));
  return {
    regions: next.regions.filter((region) => !present.regions.includes(region)),
    books: next.books.filter(({ number }) => !known.has(number)),
  };
}

/** Why `next` cannot follow `present`, a sentence for each reason; none: it can. */
export function growthProblems(present: Topology, next: Topology): string[] {
  return [
    ...regionProblems(present, next),
    ...present.books.flatMap((book) => changeOf(book, next) ?? []),
    ...growthFrom(present, next).books.flatMap((book) => additionProblem(book, present) ?? []),
  ];
}

function regionProblems(present: Topology, next: Topology): string[] {
  const removed = present.regions.filter((region) => !next.regions.includes(region));
  if (removed.length > 0) {
    return removed.map((region) => `region ${region} is missing; it cannot be removed or renamed`);
  }
  // Ports and addresses follow the order.
  if (present.regions.every((region, index) => next.regions[index] === region)) return [];
  const order = present.regions.join(', ');
  return [`the regions must begin with ${order}, in this order; a new region comes last`];
}

/** What has changed about a book that has data. */
function changeOf({ number, name, region }: TopologyBook, next: Topology): string | undefined {
  const kept = next.books.find((book) => book.number === number);
  if (kept === undefined) {
    const renumbered = next.books.find((book) => book.name === name);
    return renumbered === undefined
      ? `book ${number} (${name} in ${region}) is missing; it cannot be removed`
      : `book ${name} has number ${number} for good, not ${renumbered.number}: its accounts' ids hold it`;
  }
  if (kept.name !== name) return `book ${number} is named ${name}, not ${kept.name}`;
  if (kept.region !== region) return `the home of book ${name} is ${region}, not ${kept.region}`;
  return undefined;
}

/** A book joins those of its region as the last: which of them a name belongs to follows from it. */
function additionProblem(book: TopologyBook, present: Topology): string | undefined {
  const last = present.books
    .filter(({ region }) => region === book.region)
    .reduce((most, { number }) => Math.max(most, number), 0);
  if (book.number > last) return undefined;
  return `the number of book ${book.name} must be greater than ${last}, the last one of ${book.region}`;
}
