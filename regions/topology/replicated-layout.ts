import type { PortUse } from '../processes/ports.ts';
import { regionNames } from './layout.ts';
import { defaultTopology, type RegionName } from './topology.ts';

/**
 * The pure description of the replicated profile on one machine: every book has a member in every
 * region. Each region has an address of its own, 127.77.N.N, on which all it runs listens, with
 * the same ports in each region. Region M reaches region N at 127.77.M.N: a link of ours listens
 * there on the same ports. A hosts file for each region gives the same view as three real sites:
 * every configuration names `us-east.meridian.internal`, in whichever region it is read.
 */

export interface MemberPorts {
  readonly postgres: number;
  readonly patroni: number;
  readonly ledger: number;
}

/** One copy of a book: a Postgres with its Patroni, and the ledger server next to it. */
export interface MemberLayout {
  readonly book: number;
  readonly bookName: string;
  /** Where the book is homed. */
  readonly home: RegionName;
  /** Where this copy is. */
  readonly region: RegionName;
  /** Its name for Patroni, unique among all books, such as eu-west-1-in-us-east. */
  readonly name: string;
  readonly ports: MemberPorts;
}

export interface ReplicatedRegion {
  readonly name: RegionName;
  /** 127.77.N.N */
  readonly ip: string;
  /** The name by which everything reaches it, such as us-east.meridian.internal. */
  readonly host: string;
  readonly ports: {
    readonly router: number;
    readonly redis: number;
    readonly etcdClient: number;
    readonly etcdPeer: number;
  };
  /** One for each book. */
  readonly members: readonly MemberLayout[];
  /** The content of this region's hosts file: IP by host name. */
  readonly hosts: ReadonlyMap<string, string>;
}

/** A directed link: region `from` reaches all ports of region `to` at `ip`. */
export interface ReplicatedLink {
  readonly from: RegionName;
  readonly to: RegionName;
  readonly ip: string;
  readonly targetIp: string;
  readonly ports: readonly number[];
  readonly delayMs: number;
}

export interface ReplicatedBook {
  readonly number: number;
  readonly name: string;
  readonly home: RegionName;
  readonly database: string;
}

export interface ReplicatedLayout {
  readonly basePort: number;
  readonly books: readonly ReplicatedBook[];
  readonly regions: readonly ReplicatedRegion[];
  readonly links: readonly ReplicatedLink[];
  /** Every port that must be free, and the address on which. */
  readonly ports: readonly PortUse[];
}

/** One-way delays in milliseconds, about those of Ireland, Virginia and Mumbai. */
export const wanDelays = defaultTopology.delays;
export type RegionPair = string;
export type Delays = Readonly<Record<RegionPair, number>>;

const portsPerBook = 10;

const hostOf = (region: RegionName) => `${region}.meridian.internal`;
const numberOf = (region: RegionName) => regionNames.indexOf(region) + 1;

/** The address at which region `from` reaches region `to`; its own if they are the same. */
export function addressFrom(from: RegionName, to: RegionName): string {
  return `127.77.${numberOf(from)}.${numberOf(to)}`;
}

export function delayBetween(delays: Delays, a: RegionName, b: RegionName): number {
  for (const [pair, delayMs] of Object.entries(delays)) {
    const names = pair.split('~');
    if (names.includes(a) && names.includes(b)) return delayMs;
  }
  throw new Error(`there is no delay between ${a} and ${b}`);
}

/** Describes the replicated profile. Throws when the ports would not fit below 65536. */
export function describeReplicated(basePort: number, delays: Delays): ReplicatedLayout {
  if (!Number.isInteger(basePort) || basePort < 1024 || basePort > 65_400) {
    throw new Error(`the first port must be a whole number from 1024 to 65400, not ${basePort}`);
  }
  const books = regionNames.map((home, index): ReplicatedBook => ({
    number: index + 1,
    name: `${home}-1`,
    home,
    database: `${home}-1`.replaceAll('-', '_'),
  }));
  const ports = {
    router: basePort,
    redis: basePort + 1,
    etcdClient: basePort + 2,
    etcdPeer: basePort + 3,
  };
  const regions = regionNames.map((name): ReplicatedRegion => {
    const members = books.map((book) => describeMember(book, name, basePort));
    const hosts = new Map(regionNames.map((to) => [hostOf(to), addressFrom(name, to)]));
    return { name, ip: addressFrom(name, name), host: hostOf(name), ports, members, hosts };
  });
  const links = regions.flatMap((from) =>
    regions
      .filter((to) => to !== from)
      .map((to): ReplicatedLink => ({
        from: from.name,
        to: to.name,
        ip: addressFrom(from.name, to.name),
        targetIp: to.ip,
        // The router and Redis serve their own region.
        ports: [
          ports.etcdClient,
          ports.etcdPeer,
          ...to.members.flatMap((member) => Object.values(member.ports)),
        ],
        delayMs: delayBetween(delays, from.name, to.name),
      })),
  );
  return { basePort, books, regions, links, ports: describePorts(regions, links) };
}

function describeMember(book: ReplicatedBook, region: RegionName, basePort: number): MemberLayout {
  const first = basePort + book.number * portsPerBook;
  return {
    book: book.number,
    bookName: book.name,
    home: book.home,
    region,
    name: `${book.name}-in-${region}`,
    ports: { postgres: first, patroni: first + 1, ledger: first + 2 },
  };
}

function describePorts(
  regions: readonly ReplicatedRegion[],
  links: readonly ReplicatedLink[],
): PortUse[] {
  const own = regions.flatMap(({ name, ip: host, ports, members }) => [
    ...Object.entries(ports).map(([role, port]) => ({ host, port, use: `${role} of ${name}` })),
    ...members.flatMap((member) =>
      Object.entries(member.ports).map(([role, port]) => ({
        host,
        port,
        use: `${role} of ${member.name}`,
      })),
    ),
  ]);
  const between = links.flatMap(({ from, to, ip: host, ports }) =>
    ports.map((port) => ({ host, port, use: `the link from ${from} to ${to}` })),
  );
  return [...own, ...between];
}
