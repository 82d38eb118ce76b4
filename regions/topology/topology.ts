/**
 * What an installation consists of, as data: its regions, its books and how far apart the regions
 * are. Supervisor, servers, operator, drills, chaos and benchmark all read this one description;
 * three regions with a book each are the default.
 */

/** The name of a region, such as eu-west: a lower-case letter, then up to 39 of a-z, 0-9, '-'. */
export type RegionName = string;

export interface TopologyBook {
  /** 1..32767, permanent: the top 16 bits of the ids of its accounts. */
  readonly number: number;
  /** Such as eu-west-1; unique. */
  readonly name: string;
  /** The region that homes it, where its leader belongs. */
  readonly region: RegionName;
  /** The regions that have a copy in the replicated profile, the home region first. */
  readonly copies: readonly RegionName[];
}

export interface Topology {
  /** 1..7 names. Their order decides ports and addresses, so a new region comes last. */
  readonly regions: readonly RegionName[];
  /** By number. */
  readonly books: readonly TopologyBook[];
  /** One-way delay in milliseconds between two regions, by `A~B`; replicated profile only. */
  readonly delays: Readonly<Record<string, number>>;
}

const threeRegions = ['eu-west', 'us-east', 'ap-south'];

/** Three regions with a book each, about as far apart as Ireland, Virginia and Mumbai. */
export const defaultTopology: Topology = {
  regions: threeRegions,
  books: threeRegions.map((region, index) => ({
    number: index + 1,
    name: `${region}-1`,
    region,
    copies: [region, ...threeRegions.filter((other) => other !== region)],
  })),
  delays: { 'eu-west~us-east': 30, 'eu-west~ap-south': 70, 'us-east~ap-south': 110 },
};

/** The one-way delay between two regions in milliseconds; undefined: the topology has none. */
export function delayBetween(
  { delays }: Pick<Topology, 'delays'>,
  a: RegionName,
  b: RegionName,
): number | undefined {
  return delays[`${a}~${b}`] ?? delays[`${b}~${a}`];
}

/**
 * All regions by their delay from one of them, which is the first. Those equally far are in the
 * order of the topology; those whose delay is not known are the last.
 */
export function byDistance(
  topology: Pick<Topology, 'regions' | 'delays'>,
  from: RegionName,
): readonly RegionName[] {
  const distance = (to: RegionName) =>
    to === from ? -1 : (delayBetween(topology, from, to) ?? Number.MAX_VALUE);
  return topology.regions.toSorted((a, b) => distance(a) - distance(b));
}

/**
 * How many regions have a copy of a book in the replicated profile. A commit waits for one of the
 * two others, and a copy is promoted only with a second one that follows it. With two copies none
 * could ever be promoted; more would need a larger quorum on both sides, and every commit would
 * wait for a region further away.
 */
export const COPIES_OF_A_BOOK = 3;

/** The regions with a copy of a book unless its topology names them: its home and the nearest. */
export function defaultCopies(
  topology: Pick<Topology, 'regions' | 'delays'>,
  home: RegionName,
): readonly RegionName[] {
  return byDistance(topology, home).slice(0, COPIES_OF_A_BOOK);
}

/** The books that a region homes, by number. */
export function booksOf(topology: Topology, region: RegionName): readonly TopologyBook[] {
  return topology.books.filter((book) => book.region === region);
}

/** The delays of a topology, each times `scale`. */
export function scaledDelays({ delays }: Topology, scale: number): Topology['delays'] {
  return Object.fromEntries(Object.entries(delays).map(([pair, ms]) => [pair, ms * scale]));
}
