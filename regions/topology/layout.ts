import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { isBuilt, packageFolder } from '../processes/code.ts';
import type { PortUse } from '../processes/ports.ts';
import { defaultTopology, type RegionName } from './topology.ts';

/** The pure description of Meridian on one machine: names, books, ports, addresses. */

export const regionNames = defaultTopology.regions;
export type { RegionName };

export const roles = ['postgres', 'redis', 'ledger', 'router'] as const;
export type Role = (typeof roles)[number];

export const defaultBasePort = 7400;
const portsPerRegion = 10;

/** The folder that package.json is in. */
export const checkout = packageFolder;

export interface RegionLayout {
  readonly name: RegionName;
  readonly book: number;
  readonly bookName: string;
  /** The name of the book's database. */
  readonly database: string;
  readonly ports: Readonly<Record<Role, number>>;
  /** HOST:PORT */
  readonly routerAddress: string;
  /** HOST:PORT */
  readonly ledgerAddress: string;
  /**
   * Where this region reaches the ledger server of every region, its own included: directly, or
   * through a link.
   */
  readonly ledgers: readonly string[];
  /** Every book as NUMBER:NAME:REGION, the same in all regions. */
  readonly books: readonly string[];
}

/** A directed link: region `from` reaches the ledger server of region `to` through `port`. */
export interface LinkLayout {
  readonly from: RegionName;
  readonly to: RegionName;
  readonly port: number;
  readonly targetPort: number;
}

export interface Layout {
  readonly basePort: number;
  readonly regions: readonly RegionLayout[];
  readonly links: readonly LinkLayout[];
  /** Every port that must be free. */
  readonly ports: readonly PortUse[];
}

export interface LayoutOptions {
  /** The first of the ports, default 7400. 23 follow it, 36 with links. */
  readonly basePort?: number | undefined;
  /** Put a proxy of ours on every directed pair of regions. */
  readonly links?: boolean | undefined;
  /**
   * Where a region reaches another's ledger server, by the key `FROM>TO`: HOST:PORT of a proxy
   * that runs outside of this cluster. Takes precedence over `links`.
   */
  readonly reach?: ReadonlyMap<string, string> | undefined;
}

/** The key of a directed pair of regions. */
export function pairKey(from: RegionName, to: RegionName): string {
  return `${from}>${to}`;
}

/** Every region homes one book. */
const bookNameOf = (region: RegionName) => `${region}-1`;

const local = (port: number) => `127.0.0.1:${port}`;

function regionPorts(basePort: number, index: number): Record<Role, number> {
  const first = basePort + index * portsPerRegion;
  return { router: first, ledger: first + 1, postgres: first + 2, redis: first + 3 };
}

function describeLinks(basePort: number): LinkLayout[] {
  const pairs = regionNames.flatMap((from) =>
    regionNames.filter((to) => to !== from).map((to) => ({ from, to })),
  );
  const firstPort = basePort + regionNames.length * portsPerRegion;
  return pairs.map(({ from, to }, index) => ({
    from,
    to,
    port: firstPort + index,
    targetPort: regionPorts(basePort, regionNames.indexOf(to)).ledger,
  }));
}

/** Describes the three regions. Throws when the ports would not fit below 65536. */
export function describeLayout(options: LayoutOptions = {}): Layout {
  const basePort = options.basePort ?? defaultBasePort;
  if (!Number.isInteger(basePort) || basePort < 1024 || basePort > 65_400) {
    throw new Error(`the first port must be a whole number from 1024 to 65400, not ${basePort}`);
  }
  const links = options.links === true ? describeLinks(basePort) : [];
  const reach = (from: RegionName, to: RegionName, port: number) => {
    if (from === to) return local(port);
    const link = links.find((candidate) => candidate.from === from && candidate.to === to);
    return options.reach?.get(pairKey(from, to)) ?? local(link?.port ?? port);
  };
  const books = regionNames.map((name, index) => `${index + 1}:${bookNameOf(name)}:${name}`);
  const regions = regionNames.map((name, index): RegionLayout => {
    const ports = regionPorts(basePort, index);
    const bookName = bookNameOf(name);
    return {
      name,
      book: index + 1,
      bookName,
      database: bookName.replaceAll('-', '_'),
      ports,
      routerAddress: local(ports.router),
      ledgerAddress: local(ports.ledger),
      ledgers: regionNames.map((to, at) => reach(name, to, regionPorts(basePort, at).ledger)),
      books,
    };
  });
  const titles = {
    router: 'router',
    ledger: 'ledger server',
    postgres: 'Postgres',
    redis: 'Redis',
  };
  const ports = [
    ...regions.flatMap(({ name, ports: of }) =>
      roles.map((role) => ({ port: of[role], use: `the ${titles[role]} of ${name}` })),
    ),
    ...links.map(({ from, to, port }) => ({ port, use: `the link from ${from} to ${to}` })),
  ];
  return { basePort, regions, links, ports };
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
