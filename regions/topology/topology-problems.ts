import type { Topology } from './topology.ts';

/** What is wrong with a topology, one sentence for each violation. */

const regionsMax = 7;
const bookNumberMax = 32_767;
const namePattern = /^[a-z][a-z0-9-]{0,39}$/u;

/** Names that the data folder uses itself, next to a folder for each region. */
const reservedRegions: readonly string[] = ['logs', 'run', 'pki'];
/** Names that a Postgres, or the folder of a region, uses itself. */
const reservedBooks: readonly string[] = [
  'postgres',
  'redis',
  'etcd',
  'hosts',
  'template0',
  'template1',
];

/** Every violation; none: installations of both profiles can be described. */
export function topologyProblems(topology: Topology): string[] {
  return [...regionProblems(topology), ...bookProblems(topology), ...delayProblems(topology)];
}

/** Throws an Error with a line for each violation. */
export function requireValid(topology: Topology): void {
  const problems = topologyProblems(topology);
  if (problems.length > 0) throw new Error(`the topology is wrong:\n  ${problems.join('\n  ')}`);
}

function regionProblems({ regions, books }: Topology): string[] {
  const count = regions.length;
  return [
    ...(count >= 1 && count <= regionsMax
      ? []
      : [`there must be 1 to ${regionsMax} regions, not ${count}`]),
    ...nameProblems('region', regions, reservedRegions),
    // Its router would have no book to open accounts in.
    ...regions
      .filter((region) => !books.some((book) => book.region === region))
      .map((region) => `region ${region} homes no book`),
  ];
}

function bookProblems({ regions, books }: Topology): string[] {
  const numbers = books.map(({ number }) => number);
  const ascending = numbers.every((number, index) => number >= (numbers[index - 1] ?? 0));
  return [
    ...nameProblems(
      'book',
      books.map(({ name }) => name),
      reservedBooks,
    ),
    ...repeated(numbers).map((number) => `there are two books with the number ${number}`),
    ...(ascending ? [] : ['the books must be listed by their numbers']),
    ...books.flatMap(({ number, name, region, copies }) => [
      ...(Number.isInteger(number) && number >= 1 && number <= bookNumberMax
        ? []
        : [`the number of book ${name} must be from 1 to ${bookNumberMax}, not ${number}`]),
      ...[...new Set([region, ...copies])]
        .filter((named) => !regions.includes(named))
        .map((named) => `book ${name} names region ${named}, which is not there`),
      ...repeated(copies).map((copy) => `book ${name} has two copies in ${copy}`),
      ...(copies[0] === region ? [] : [`the first copy of book ${name} must be in ${region}`]),
    ]),
  ];
}

function delayProblems({ regions, delays }: Topology): string[] {
  return Object.entries(delays).flatMap(([pair, delayMs]) => {
    const [from = '', to = '', ...more] = pair.split('~');
    const isPair =
      more.length === 0 && from !== to && [from, to].every((name) => regions.includes(name));
    return [
      ...(isPair ? [] : [`the delay ${pair} is not between two regions that are there`]),
      ...(Number.isFinite(delayMs) && delayMs >= 0
        ? []
        : [`the delay ${pair} must be a number of milliseconds, not ${delayMs}`]),
    ];
  });
}

function nameProblems(what: string, names: readonly string[], reserved: readonly string[]) {
  return [
    ...names
      .filter((name) => !namePattern.test(name))
      .map(
        (name) =>
          `"${name}" is not a name of a ${what}: a lower-case letter, then up to 39 of a-z, 0-9, '-'`,
      ),
    ...names
      .filter((name) => reserved.includes(name))
      .map((name) => `no ${what} may be named ${name}: Meridian uses that name itself`),
    ...repeated(names).map((name) => `there are two ${what}s named ${name}`),
  ];
}

function repeated<Value>(values: readonly Value[]): Value[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}
