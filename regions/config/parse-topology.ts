import { z } from 'zod';
import {
  defaultCopies,
  defaultTopology,
  delayBetween,
  type RegionName,
  type Topology,
  type TopologyBook,
} from '../topology/topology.ts';
import { suggestion } from './problem.ts';
import type { YamlPath } from './yaml-source.ts';

/** The sections `regions`, `books` and `delays` of meridian.yaml. */

export interface TopologySections {
  readonly regions?: unknown;
  readonly books?: unknown;
  readonly delays?: unknown;
}

/** Reports what is wrong with the value at a path. */
export type Report = (path: YamlPath, message: string) => void;

/** Regions need an address each, and etcd and the operator were measured with no more. */
export const REGIONS_MAX = 7;
const BOOK_NUMBER_MAX = 32_767;
export const DELAY_MAX_MS = 1_000;
/** Between two regions of which no delay is known. */
export const OTHER_DELAY_MS = 50;

/** Names that other folders of the data folder have. */
const RESERVED_REGIONS: ReadonlySet<string> = new Set(['logs', 'run', 'pki']);
/** Names that a Postgres, or the folder of a region, uses itself. */
const RESERVED_BOOKS: ReadonlySet<string> = new Set([
  'etcd',
  'hosts',
  'postgres',
  'redis',
  'template0',
  'template1',
]);

const NAME = /^[a-z][a-z0-9-]{0,39}$/u;
const NOT_A_NAME = 'must be a name such as eu-west: a-z, 0-9 and "-", up to 40, a letter first';

const bookSchema = z.strictObject({
  number: z
    .int(`must be a whole number from 1 to ${BOOK_NUMBER_MAX}`)
    .min(1, `must be at least 1`)
    .max(BOOK_NUMBER_MAX, `must be at most ${BOOK_NUMBER_MAX}: account ids have 16 bits for it`),
  name: z.string('must be a name such as eu-west-1').regex(NAME, NOT_A_NAME),
  region: z.string('must be the name of a region'),
  copies: z.array(z.string('must be the name of a region')).min(1).optional(),
});
type BookText = z.infer<typeof bookSchema>;
/** Those fields of a book that are right in themselves. */
const fieldsSchema = bookSchema.partial();
type BookFields = z.infer<typeof fieldsSchema>;
const BOOK_KEYS = Object.keys(bookSchema.shape);

/** The topology; undefined if something was reported. What is missing is filled in. */
export function parseTopology(sections: TopologySections, report: Report): Topology | undefined {
  let wrong = false;
  const reporting: Report = (path, message) => {
    wrong = true;
    report(path, message);
  };
  const regions = parseRegions(sections.regions, reporting);
  const delays = parseDelays(sections.delays, regions ?? [], reporting);
  const books = parseBooks(sections.books, regions ?? [], reporting);
  if (wrong || regions === undefined) return undefined;
  return { regions, books: books.map((book) => withCopies(book, { regions, delays })), delays };
}

function parseRegions(value: unknown, report: Report): readonly RegionName[] | undefined {
  if (value === undefined || value === null) return defaultTopology.regions;
  if (!Array.isArray(value) || value.length === 0) {
    report(['regions'], 'must be a list of names, such as [eu-west, us-east]');
    return undefined;
  }
  if (value.length > REGIONS_MAX) report(['regions'], `must be at most ${REGIONS_MAX} regions`);
  const names: string[] = [];
  for (const [index, name] of value.entries()) {
    if (typeof name !== 'string' || !NAME.test(name)) report(['regions', index], NOT_A_NAME);
    else if (RESERVED_REGIONS.has(name))
      report(['regions', index], `${name} is the name of another folder`);
    else if (names.includes(name)) report(['regions', index], `${name} is listed twice`);
    else names.push(name);
  }
  return names;
}

/** By number. */
function parseBooks(value: unknown, regions: readonly RegionName[], report: Report): BookText[] {
  if (value === undefined || value === null) {
    return regions.map((region, index) => ({ number: index + 1, name: `${region}-1`, region }));
  }
  if (!Array.isArray(value) || value.length === 0) {
    report(['books'], 'must be a list, such as [{number: 1, name: eu-west-1, region: eu-west}]');
    return [];
  }
  const books: BookText[] = [];
  for (const [index, text] of value.entries()) {
    const reportField: Report = (path, message) => report(['books', index, ...path], message);
    const book = parseBook(text, reportField);
    checkBook(book, books, regions, reportField);
    const { number, name, region } = book;
    if (number === undefined || name === undefined || region === undefined) continue;
    books.push({ ...book, number, name, region });
  }
  for (const [index, region] of regions.entries()) {
    // A region whose book could not be read is not without one.
    if (books.length < value.length || books.some((book) => book.region === region)) continue;
    report(['regions', index], `${region} homes no book: accounts could not be opened there`);
  }
  return books.toSorted((a, b) => a.number - b.number);
}

/** Reports what is wrong with each field, and returns the others. */
function parseBook(text: unknown, report: Report): BookFields {
  const parsed = bookSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  const wrong = new Set<string | number>();
  for (const issue of parsed.error.issues) {
    const at = issue.path.filter((step) => typeof step !== 'symbol');
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) report([key], unknownKey(key, BOOK_KEYS));
    } else {
      report(at, isMissing(text, at) ? 'is missing' : issue.message);
    }
    if (at[0] !== undefined) wrong.add(at[0]);
  }
  const fields = typeof text === 'object' && text !== null ? Object.entries(text) : [];
  const right = fields.filter(([key]) => BOOK_KEYS.includes(key) && !wrong.has(key));
  return fieldsSchema.parse(Object.fromEntries(right));
}

function isMissing(text: unknown, [key]: YamlPath): boolean {
  return typeof text === 'object' && text !== null && key !== undefined && !(key in text);
}

export function unknownKey(key: string, known: readonly string[]): string {
  const near = suggestion(key, known);
  return near === '' ? `is not known; there are ${known.join(', ')}` : `is not known${near}`;
}

function checkBook(
  { number, name, region, copies }: BookFields,
  others: readonly BookText[],
  regions: readonly RegionName[],
  report: Report,
): void {
  const twice = others.find((other) => other.number === number);
  if (twice) report(['number'], `${number} is the number of ${twice.name} as well`);
  if (name !== undefined && RESERVED_BOOKS.has(name)) {
    report(['name'], `${name} is a name that Meridian uses itself`);
  }
  if (others.some((other) => other.name === name))
    report(['name'], `${name} is the name of two books`);
  if (region !== undefined && !regions.includes(region)) {
    report(['region'], noRegion(region, regions));
  }
  if (copies) checkCopies(copies, region, regions, report);
}

function checkCopies(
  copies: readonly RegionName[],
  home: RegionName | undefined,
  regions: readonly RegionName[],
  report: Report,
): void {
  let wrong = false;
  for (const [index, copy] of copies.entries()) {
    const isThere = regions.includes(copy);
    if (isThere && copies.indexOf(copy) === index) continue;
    report(['copies', index], isThere ? `${copy} is listed twice` : noRegion(copy, regions));
    wrong = true;
  }
  if (wrong) return;
  if (home !== undefined && regions.includes(home) && !copies.includes(home)) {
    report(['copies'], `must contain ${home}, where the book is homed`);
  }
}

function noRegion(name: string, regions: readonly RegionName[]): string {
  return `there is no region ${name}${suggestion(name, regions)}`;
}

/** The delay of every pair, in the order of the regions. */
function parseDelays(
  value: unknown,
  regions: readonly RegionName[],
  report: Report,
): Readonly<Record<string, number>> {
  const given = new Map<string, number>();
  if (value !== undefined && value !== null) {
    if (typeof value !== 'object' || Array.isArray(value)) {
      report(['delays'], 'must be milliseconds by pair, such as {eu-west~us-east: 30}');
    } else {
      for (const [pair, ms] of Object.entries(value)) {
        checkDelay(pair, ms, regions, given, (message) => report(['delays', pair], message));
      }
    }
  }
  const pairs = regions.flatMap((a, index) => regions.slice(index + 1).map((b) => [a, b] as const));
  return Object.fromEntries(
    pairs.map(([a, b]) => {
      const ms = given.get(`${a}~${b}`) ?? delayBetween(defaultTopology, a, b);
      return [`${a}~${b}`, ms ?? OTHER_DELAY_MS];
    }),
  );
}

/** Puts the delay into `given`, under the pair in the order of the regions. */
function checkDelay(
  pair: string,
  ms: unknown,
  regions: readonly RegionName[],
  given: Map<string, number>,
  report: (message: string) => void,
): void {
  const names = pair.split('~');
  const [a = '', b = ''] = names;
  if (names.length !== 2 || a === b) {
    report('must name two regions, such as eu-west~us-east');
    return;
  }
  for (const name of names.filter((one) => !regions.includes(one))) report(noRegion(name, regions));
  if (typeof ms !== 'number' || !(ms >= 0 && ms <= DELAY_MAX_MS)) {
    report(`must be 0 to ${DELAY_MAX_MS} milliseconds, one way`);
    return;
  }
  const key = regions.indexOf(a) < regions.indexOf(b) ? `${a}~${b}` : `${b}~${a}`;
  if (given.has(key)) report(`the delay between ${a} and ${b} is given twice`);
  given.set(key, ms);
}

/** With its copies, the home region first. */
function withCopies(
  { number, name, region, copies }: BookText,
  topology: Pick<Topology, 'regions' | 'delays'>,
): TopologyBook {
  const others = copies?.filter((copy) => copy !== region);
  return {
    number,
    name,
    region,
    copies: others ? [region, ...others] : defaultCopies(topology, region),
  };
}
