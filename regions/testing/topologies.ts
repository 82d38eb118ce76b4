import type { Topology } from '../topology/topology.ts';

/**
 * A topology with a number of books for each region, with copies in all regions. The first books
 * of all regions have the lowest numbers, then come the second ones, and so on.
 */
export function topologyOf(booksByRegion: Readonly<Record<string, number>>): Topology {
  const regions = Object.keys(booksByRegion);
  const rounds = Array.from({ length: Math.max(...Object.values(booksByRegion)) }, (_, at) => at);
  const books = rounds.flatMap((round) =>
    regions
      .filter((region) => (booksByRegion[region] ?? 0) > round)
      .map((region) => ({ name: `${region}-${round + 1}`, region })),
  );
  return {
    regions,
    books: books.map(({ name, region }, index) => ({
      number: index + 1,
      name,
      region,
      copies: [region, ...regions.filter((other) => other !== region)],
    })),
    delays: {},
  };
}
