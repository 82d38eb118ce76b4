import { expect, test } from 'vitest';
import { booksPerRegionMax, describeLayout, type Layout } from './layout.ts';
import { topologyOf } from '../testing/topologies.ts';

test('the default layout has the ports that the documentation names', () => {
  const { regions, books, links, ports } = describeLayout();
  expect(books.map(({ region, number, name }) => [region, number, name])).toEqual([
    ['eu-west', 1, 'eu-west-1'],
    ['us-east', 2, 'us-east-1'],
    ['ap-south', 3, 'ap-south-1'],
  ]);
  expect(regions[1]?.ports).toEqual({ router: 7410, postgres: 7412, redis: 7413 });
  expect(books[1]?.port).toBe(7411);
  expect(books[0]?.database).toBe('eu_west_1');
  expect(books.map(({ process }) => process)).toEqual([
    'eu-west/ledger',
    'us-east/ledger',
    'ap-south/ledger',
  ]);
  expect(regions[0]?.ledgers).toEqual(['127.0.0.1:7401', '127.0.0.1:7411', '127.0.0.1:7421']);
  expect(links).toEqual([]);
  expect(ports).toHaveLength(12);
});

/** Expects every region to reach the books of the others through a link of its own to each. */
function expectLinked({ regions, books, links, ports }: Layout): void {
  expect(new Set(ports.map(({ port }) => port)).size).toBe(ports.length);
  expect(links).toHaveLength((regions.length - 1) * books.length);
  for (const region of regions) {
    for (const [index, book] of books.entries()) {
      const link = links.find((one) => one.from === region.name && one.book === book.name);
      expect(link?.targetPort).toBe(book.region === region.name ? undefined : book.port);
      expect(region.ledgers[index]).toBe(`127.0.0.1:${link?.port ?? book.port}`);
    }
  }
}

test('with links every region reaches the others through links of its own', () => {
  const layout = describeLayout({ links: true });
  expectLinked(layout);
  expect(layout.links.map(({ port }) => port)).toEqual([7430, 7431, 7432, 7433, 7434, 7435]);
  expect(layout.ports).toHaveLength(18);
});

test('1 to 7 regions with as many books as there is room for have ports of their own', () => {
  for (let count = 1; count <= 7; count += 1) {
    for (const perRegion of [1, 2, booksPerRegionMax]) {
      const regions = Array.from({ length: count }, (_, index) => `region-${index}`);
      const topology = topologyOf(Object.fromEntries(regions.map((name) => [name, perRegion])));
      const layout = describeLayout({ topology, links: true });
      expectLinked(layout);
      for (const { name, ledgerAddress, region } of layout.books) {
        const of = layout.regions.find((one) => one.name === region);
        expect(of?.ledgers).toContain(ledgerAddress);
        expect(of?.allBooks.join()).toContain(`:${name}:${region}`);
      }
    }
  }
  const topology = topologyOf({ 'eu-west': booksPerRegionMax + 1 });
  expect(() => describeLayout({ topology })).toThrow(/eu-west homes 8 books.*room for 7/u);
});

test('adding books moves nothing that is there', () => {
  const before = describeLayout({ topology: topologyOf({ a: 1, b: 1 }), links: true });
  const after = describeLayout({ topology: topologyOf({ a: 2, b: 3 }), links: true });
  for (const book of before.books) expect(after.books).toContainEqual(book);
  for (const link of before.links) expect(after.links).toContainEqual(link);
  expect(after.books.map(({ process }) => process)).toEqual([
    'a/ledger',
    'b/ledger',
    'a/ledger-a-2',
    'b/ledger-b-2',
    'b/ledger-b-3',
  ]);
});

test('a first port that leaves no room is refused', () => {
  expect(() => describeLayout({ basePort: 65_530 })).toThrow(/from 1024 to 65400/u);
  expect(() => describeLayout({ basePort: 7400.5 })).toThrow(/whole number/u);
  const topology = topologyOf(
    Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => [name, 7])),
  );
  expect(() => describeLayout({ topology, basePort: 65_400, links: true })).toThrow(
    /at most \d+ for this topology/u,
  );
});

test('a wrong topology is not laid out', () => {
  const topology = { ...topologyOf({ a: 1 }), regions: ['a', 'b'] };
  expect(() => describeLayout({ topology })).toThrow(/region b homes no book/u);
});
