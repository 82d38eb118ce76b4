import type { PortUse } from '../processes/ports.ts';
import { topologyProblems } from './topology-problems.ts';
import { memberName, replicatedProblems } from './replicated-problems.ts';
import {
  byDistance,
  delayBetween,
  type RegionName,
  type Topology,
  type TopologyBook,
} from './topology.ts';

/**
 * The pure description of the replicated profile on one machine: a book has a member in every
 * region that its topology gives a copy. Each region has an address of its own, 127.77.N.N, on which all it runs listens, with
 * the same ports in each region. Region M reaches region N at 127.77.M.N: a link of ours listens
 * there on the same ports. A hosts file for each region gives the same view as real sites:
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
  /** Whether a member of etcd runs here, see `etcdRegions`. */
  readonly hasEtcd: boolean;
  /** The members of etcd in the order in which this region asks them: its own, then the nearest. */
  readonly etcd: readonly EtcdPlace[];
  /** One for each book that has a copy here. */
  readonly members: readonly MemberLayout[];
  /** The content of this region's hosts file: IP by host name. */
  readonly hosts: ReadonlyMap<string, string>;
}

/** A member of etcd as one region reaches it. */
export interface EtcdPlace {
  readonly host: string;
  /** What `host` is in the region that asks. */
  readonly ip: string;
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
  /** The regions with a copy, the home region first. */
  readonly copies: readonly RegionName[];
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

const firstBookPort = 10;
const portsPerBook = 10;

const hostOf = (region: RegionName) => `${region}.meridian.internal`;

/**
 * The regions with a member of etcd: the first three of three or four, the first five of more. An
 * even number of members survives no more losses than one fewer, and a write waits for one more of
 * them; seven would have every write wait for the fourth nearest member instead of the third, and
 * five survive the loss of two. A region without one uses the members of the others, which cost it
 * a round trip for each renewal of a lease and nothing for a payment.
 */
export function etcdRegions(regions: readonly RegionName[]): readonly RegionName[] {
  return regions.slice(0, regions.length < 5 ? 3 : 5);
}

/**
 * Describes the replicated profile. Throws an Error that names everything that is wrong with the
 * topology, and when the ports would not fit below 65536.
 */
export function describeReplicated(topology: Topology, basePort: number): ReplicatedLayout {
  const problems = [...topologyProblems(topology), ...replicatedProblems(topology)];
  if (problems.length > 0) {
    throw new Error(`the replicated profile cannot run this topology: ${problems.join('; ')}`);
  }
  requirePorts(basePort, topology.books.length);
  const { regions: names } = topology;
  // 127.77.M.N: where region M reaches region N; M.M is the region itself.
  const address = (from: RegionName, to: RegionName) =>
    `127.77.${names.indexOf(from) + 1}.${names.indexOf(to) + 1}`;
  const withEtcd = etcdRegions(names);
  const ports = {
    router: basePort,
    redis: basePort + 1,
    etcdClient: basePort + 2,
    etcdPeer: basePort + 3,
  };
  const regions = names.map((name): ReplicatedRegion => ({
    name,
    ip: address(name, name),
    host: hostOf(name),
    ports,
    hasEtcd: withEtcd.includes(name),
    etcd: byDistance(topology, name)
      .filter((to) => withEtcd.includes(to))
      .map((to) => ({ host: hostOf(to), ip: address(name, to) })),
    members: topology.books.flatMap((book, index) =>
      book.copies.includes(name) ? describeMember(book, index, name, basePort) : [],
    ),
    hosts: new Map(names.map((to) => [hostOf(to), address(name, to)])),
  }));
  const links = regions.flatMap((from) =>
    regions
      .filter((to) => to !== from)
      .map((to): ReplicatedLink => ({
        from: from.name,
        to: to.name,
        ip: address(from.name, to.name),
        targetIp: to.ip,
        // The router and Redis serve their own region.
        ports: [
          ...(to.hasEtcd ? [ports.etcdClient, ports.etcdPeer] : []),
          ...to.members.flatMap((member) => Object.values(member.ports)),
        ],
        delayMs: delayBetween(topology, from.name, to.name) ?? 0,
      })),
  );
  const books = topology.books.map(({ number, name, region: home, copies }) => ({
    number,
    name,
    home,
    copies,
    database: name.replaceAll('-', '_'),
  }));
  return { basePort, books, regions, links, ports: describePorts(regions, links) };
}

function requirePorts(basePort: number, books: number): void {
  if (!Number.isInteger(basePort) || basePort < 1024 || basePort > 65_400) {
    throw new Error(`the first port must be a whole number from 1024 to 65400, not ${basePort}`);
  }
  const last = basePort + firstBookPort + books * portsPerBook - 1;
  if (last <= 65_535) return;
  throw new Error(
    `${books} books need the ports ${basePort} to ${last}: choose a lower first port`,
  );
}

/** @param index the place of the book among all, by number: its ports follow it */
function describeMember(
  book: TopologyBook,
  index: number,
  region: RegionName,
  basePort: number,
): MemberLayout {
  const first = basePort + firstBookPort + index * portsPerBook;
  return {
    book: book.number,
    bookName: book.name,
    home: book.region,
    region,
    name: memberName(book, region),
    ports: { postgres: first, patroni: first + 1, ledger: first + 2 },
  };
}

function describePorts(
  regions: readonly ReplicatedRegion[],
  links: readonly ReplicatedLink[],
): PortUse[] {
  const own = regions.flatMap(({ name, ip: host, hasEtcd, ports, members }) => [
    ...Object.entries(ports)
      .filter(([role]) => hasEtcd || !role.startsWith('etcd'))
      .map(([role, port]) => ({ host, port, use: `${role} of ${name}` })),
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
