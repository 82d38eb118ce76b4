import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { isBuilt, packageFolder } from '../processes/code.ts';
import type { PortUse } from '../processes/ports.ts';
import { requireValid } from './topology-problems.ts';
import {
  booksOf,
  defaultTopology,
  type RegionName,
  type Topology,
  type TopologyBook,
} from './topology.ts';

/** The pure description of Meridian on one machine: names, books, ports, addresses. */

export type { RegionName };

export const defaultBasePort = 7400;

/** Ports of a region: router, ledger server of the first book, Postgres, Redis, further books. */
const portsPerRegion = 10;
const offsets = { router: 0, ledger: 1, postgres: 2, redis: 3, furtherBooks: 4 };
/** As many books of a region as there are ports in its block. */
export const booksPerRegionMax = 1 + portsPerRegion - offsets.furtherBooks;

/** The folder that package.json is in. */
export const checkout = packageFolder;

/** A book where it is at home: a database in the Postgres of its region, and a ledger server. */
export interface BookLayout {
  readonly number: number;
  readonly name: string;
  readonly region: RegionName;
  readonly database: string;
  /**
   * The name of its ledger server: REGION/ledger for the first book of a region by number, and
   * REGION/ledger-BOOK for further ones, so that adding a book renames nothing.
   */
  readonly process: string;
  readonly port: number;
  /** HOST:PORT of its ledger server. */
  readonly ledgerAddress: string;
}

export interface RegionLayout {
  readonly name: RegionName;
  readonly ports: Readonly<Record<'postgres' | 'redis' | 'router', number>>;
  /** HOST:PORT */
  readonly routerAddress: string;
  /** Those that the region homes, by number. */
  readonly books: readonly BookLayout[];
  /**
   * Where this region reaches the ledger server of every book, its own included, in the order
   * of their numbers: directly, or through a link.
   */
  readonly ledgers: readonly string[];
  /** Every book of the installation as NUMBER:NAME:REGION, the same in all regions. */
  readonly allBooks: readonly string[];
}

/** A directed link: region `from` reaches the ledger server of a book in region `to` by `port`. */
export interface LinkLayout {
  readonly from: RegionName;
  readonly to: RegionName;
  /** Name of the book. */
  readonly book: string;
  readonly port: number;
  readonly targetPort: number;
}

export interface Layout {
  readonly topology: Topology;
  readonly basePort: number;
  readonly regions: readonly RegionLayout[];
  /** All, by number. */
  readonly books: readonly BookLayout[];
  readonly links: readonly LinkLayout[];
  /** Every port that must be free. */
  readonly ports: readonly PortUse[];
}

export interface LayoutOptions {
  /** Default: three regions with a book each. */
  readonly topology?: Topology | undefined;
  /** The first of the ports, default 7400. Each region has a block of ten; links come after. */
  readonly basePort?: number | undefined;
  /** Put a proxy of ours on the way of every region to each book of the others. */
  readonly links?: boolean | undefined;
}

/** The key of a directed pair of regions. */
export function pairKey(from: RegionName, to: RegionName): string {
  return `${from}>${to}`;
}

const local = (port: number) => `127.0.0.1:${port}`;

/** The first port of a region's block. */
function blockOf(basePort: number, { regions }: Topology, region: RegionName): number {
  return basePort + regions.indexOf(region) * portsPerRegion;
}

function describeBook(basePort: number, topology: Topology, book: TopologyBook): BookLayout {
  const { number, name, region } = book;
  const index = booksOf(topology, region).indexOf(book);
  const offset = index === 0 ? offsets.ledger : offsets.furtherBooks + index - 1;
  const port = blockOf(basePort, topology, region) + offset;
  return {
    number,
    name,
    region,
    database: name.replaceAll('-', '_'),
    process: index === 0 ? `${region}/ledger` : `${region}/ledger-${name}`,
    port,
    ledgerAddress: local(port),
  };
}

/**
 * Links to the first book of each region come first and those to further books after all of them,
 * each with a place of its own, so that adding a book moves no link.
 */
function describeLinks(
  basePort: number,
  { regions }: Topology,
  books: readonly BookLayout[],
): LinkLayout[] {
  const pairs = regions.flatMap((from) =>
    regions.filter((to) => to !== from).map((to) => ({ from, to })),
  );
  const firstPort = basePort + regions.length * portsPerRegion;
  const furtherPort = firstPort + pairs.length;
  return pairs.flatMap(({ from, to }, pair) =>
    books
      .filter(({ region }) => region === to)
      .map(({ name: book, port: targetPort }, index) => {
        const place = pair * (booksPerRegionMax - 1) + index - 1;
        const port = index === 0 ? firstPort + pair : furtherPort + place;
        return { from, to, book, port, targetPort };
      }),
  );
}

/**
 * Describes an installation of the embedded profile.
 * Throws an Error that names each violation when the topology is wrong or does not fit on one
 * machine, and when the ports would not fit below 65536.
 */
export function describeLayout(options: LayoutOptions = {}): Layout {
  const basePort = options.basePort ?? defaultBasePort;
  const topology = options.topology ?? defaultTopology;
  if (!Number.isInteger(basePort) || basePort < 1024 || basePort > 65_400) {
    throw new Error(`the first port must be a whole number from 1024 to 65400, not ${basePort}`);
  }
  requireValid(topology);
  for (const region of topology.regions) {
    const count = booksOf(topology, region).length;
    if (count <= booksPerRegionMax) continue;
    throw new Error(
      `${region} homes ${count} books; the embedded profile has room for ${booksPerRegionMax} in a region`,
    );
  }
  const books = topology.books.map((book) => describeBook(basePort, topology, book));
  const links = options.links === true ? describeLinks(basePort, topology, books) : [];
  const allBooks = books.map(({ number, name, region }) => `${number}:${name}:${region}`);
  const regions = topology.regions.map((name): RegionLayout => {
    const first = blockOf(basePort, topology, name);
    const portOf = (book: BookLayout) =>
      links.find((link) => link.from === name && link.book === book.name)?.port ?? book.port;
    return {
      name,
      ports: {
        router: first + offsets.router,
        postgres: first + offsets.postgres,
        redis: first + offsets.redis,
      },
      routerAddress: local(first + offsets.router),
      books: books.filter(({ region }) => region === name),
      ledgers: books.map((book) => local(portOf(book))),
      allBooks,
    };
  });
  const ports = describePorts(regions, links);
  const last = ports.reduce((most, { port }) => Math.max(most, port), 0);
  if (last > 65_535) {
    const room = basePort - (last - 65_535);
    throw new Error(`the first port must be at most ${room} for this topology, not ${basePort}`);
  }
  return { topology, basePort, regions, books, links, ports };
}

function describePorts(
  regions: readonly RegionLayout[],
  links: readonly LinkLayout[],
): readonly PortUse[] {
  return [
    ...regions.flatMap(({ name, ports, books }) => [
      { port: ports.router, use: `the router of ${name}` },
      ...books.map((book, index) => ({
        port: book.port,
        use: `the ledger server of ${index === 0 ? name : book.name}`,
      })),
      { port: ports.postgres, use: `the Postgres of ${name}` },
      { port: ports.redis, use: `the Redis of ${name}` },
    ]),
    ...links.map(({ from, book, port }) => ({ port, use: `the link from ${from} to ${book}` })),
  ];
}

/**
 * Where data is kept unless the user chooses otherwise. Root keeps it outside of the checkout:
 * Postgres runs as another user there, and could not enter a checkout under /root. So does an
 * installed package, whose folder does not survive an upgrade.
 */
export function defaultDataDir(): string {
  if (userInfo().uid === 0) return '/var/lib/meridian';
  return join(isBuilt ? homedir() : checkout, '.meridian');
}
