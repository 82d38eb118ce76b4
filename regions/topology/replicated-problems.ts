import {
  COPIES_OF_A_BOOK,
  delayBetween,
  type RegionName,
  type Topology,
  type TopologyBook,
} from './topology.ts';

/** Postgres cuts a name off after this many bytes. */
const NAME_MOST = 63;
/** One way. Patroni waits four seconds for etcd, each of whose writes takes two round trips. */
const DELAY_MOST_MS = 1_000;

/** The name of a book's copy in a region for Patroni and Postgres, such as eu-west-1-in-us-east. */
export function memberName({ name }: Pick<TopologyBook, 'name'>, region: RegionName): string {
  return `${name}-in-${region}`;
}

/**
 * What keeps the replicated profile from running a topology in which `topologyProblems` finds
 * nothing wrong, as texts; none if it can. Pure.
 */
export function replicatedProblems(topology: Topology): readonly string[] {
  const { regions, books } = topology;
  if (regions.length < COPIES_OF_A_BOOK) {
    return [
      `it needs at least ${COPIES_OF_A_BOOK} regions and there are ${regions.length}: with fewer, ` +
        'no majority of etcd and no two copies of a book survive the loss of one',
    ];
  }
  return [
    ...delayProblems(topology),
    ...books.flatMap((book) => copyProblems(book)),
    ...nameProblems(books),
  ];
}

function delayProblems(topology: Topology): string[] {
  return topology.regions.flatMap((a, index) =>
    topology.regions.slice(index + 1).flatMap((b) => {
      const ms = delayBetween(topology, a, b);
      if (ms === undefined) return [`the delay between ${a} and ${b} is missing`];
      if (ms >= 0 && ms <= DELAY_MOST_MS) return [];
      return [`the delay between ${a} and ${b} must be 0 to ${DELAY_MOST_MS} ms, not ${ms}`];
    }),
  );
}

function copyProblems(book: TopologyBook): string[] {
  const { name, copies } = book;
  const problems: string[] = [];
  if (copies.length !== COPIES_OF_A_BOOK) {
    problems.push(`${name} must have ${COPIES_OF_A_BOOK} copies, not ${copies.length}`);
  }
  for (const copy of copies) {
    const member = memberName(book, copy);
    // A longer name would be cut off: no commit would ever find the copy that it waits for.
    if (member.length > NAME_MOST) {
      problems.push(`the name ${member} of a copy is longer than ${NAME_MOST} characters`);
    }
  }
  return problems;
}

/** A copy with the name of another book's copy would count as a second region for that book. */
function nameProblems(books: readonly TopologyBook[]): string[] {
  const names = books.flatMap((book) => book.copies.map((copy) => memberName(book, copy)));
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  return [...new Set(twice)].map((name) => `two copies would have the name ${name}`);
}
