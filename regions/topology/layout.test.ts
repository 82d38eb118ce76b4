import { expect, test } from 'vitest';
import { describeLayout, pairKey } from './layout.ts';

test('the default layout has the ports that the documentation names', () => {
  const { regions, links, ports } = describeLayout();
  expect(regions.map(({ name, book, bookName }) => [name, book, bookName])).toEqual([
    ['eu-west', 1, 'eu-west-1'],
    ['us-east', 2, 'us-east-1'],
    ['ap-south', 3, 'ap-south-1'],
  ]);
  expect(regions[1]?.ports).toEqual({ router: 7410, ledger: 7411, postgres: 7412, redis: 7413 });
  expect(regions[0]?.database).toBe('eu_west_1');
  expect(regions[0]?.ledgers).toEqual(['127.0.0.1:7401', '127.0.0.1:7411', '127.0.0.1:7421']);
  expect(links).toEqual([]);
  expect(ports).toHaveLength(12);
});

test('with links every region reaches the others through a link of its own', () => {
  const { regions, links, ports } = describeLayout({ links: true });
  expect(links).toHaveLength(6);
  expect(new Set(ports.map(({ port }) => port)).size).toBe(18);
  for (const [index, region] of regions.entries()) {
    expect(region.ledgers[index]).toBe(region.ledgerAddress);
    for (const [at, other] of regions.entries()) {
      if (at === index) continue;
      const link = links.find(({ from, to }) => from === region.name && to === other.name);
      expect(region.ledgers[at]).toBe(`127.0.0.1:${link?.port}`);
      expect(link?.targetPort).toBe(other.ports.ledger);
    }
  }
});

test('a given address replaces the way to one region only', () => {
  const reach = new Map([[pairKey('eu-west', 'ap-south'), '127.0.0.1:9999']]);
  const [eu, us] = describeLayout({ reach }).regions;
  expect(eu?.ledgers).toEqual(['127.0.0.1:7401', '127.0.0.1:7411', '127.0.0.1:9999']);
  expect(us?.ledgers[2]).toBe('127.0.0.1:7421');
});

test('a first port that leaves no room is refused', () => {
  expect(() => describeLayout({ basePort: 65_530 })).toThrow(/from 1024 to 65400/u);
  expect(() => describeLayout({ basePort: 7400.5 })).toThrow(/whole number/u);
});
