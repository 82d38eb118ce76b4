import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { must } from '../../../ledger/core/assert.ts';
import { describeReplicated, etcdRegions } from '../../topology/replicated-layout.ts';
import { defaultCopies, defaultTopology, type Topology } from '../../topology/topology.ts';
import { etcdConfig } from './etcd-config.ts';
import { promotionGuard, synchronousStandbyNames } from './promotion-guard.ts';

const layout = describeReplicated(defaultTopology, 7400);

/** Regions r1..rN, the further apart the further their numbers are, each with some books. */
function topologyOf(count: number, booksPerRegion: number): Topology {
  const regions = Array.from({ length: count }, (_, index) => `r${index + 1}`);
  const delays = Object.fromEntries(
    regions.flatMap((a, i) => regions.slice(i + 1).map((b, j) => [`${a}~${b}`, 10 * (j + 1)])),
  );
  const books = regions.flatMap((region, index) =>
    Array.from({ length: booksPerRegion }, (_, nth) => ({
      number: nth * count + index + 1,
      name: `${region}-${nth + 1}`,
      region,
      copies: defaultCopies({ regions, delays }, region),
    })),
  );
  return { regions, delays, books: books.toSorted((a, b) => a.number - b.number) };
}

const sizes = [3, 4, 5, 6, 7].flatMap((count) => [1, 2, 5].map((books) => [count, books] as const));

test('the default topology has the ports and addresses that it has always had', () => {
  const { regions, ports } = layout;
  expect(regions.map(({ ip }) => ip)).toEqual(['127.77.1.1', '127.77.2.2', '127.77.3.3']);
  expect(regions[1]?.hosts.get('ap-south.meridian.internal')).toBe('127.77.2.3');
  expect(regions[2]?.ports).toEqual({
    router: 7400,
    redis: 7401,
    etcdClient: 7402,
    etcdPeer: 7403,
  });
  expect(regions[0]?.members.map(({ name, ports: own }) => [name, own.postgres])).toEqual([
    ['eu-west-1-in-eu-west', 7410],
    ['us-east-1-in-eu-west', 7420],
    ['ap-south-1-in-eu-west', 7430],
  ]);
  expect(Math.max(...ports.map(({ port }) => port))).toBe(7432);
});

describe.each(sizes)('%i regions with %i books each', (count, booksPerRegion) => {
  const topology = topologyOf(count, booksPerRegion);
  const { regions, books, links, ports } = describeReplicated(topology, 7400);
  const members = regions.flatMap((region) => region.members);

  test('every book has three copies, at home and in the nearest regions', () => {
    expect(members.length).toBe(books.length * 3);
    // A replica of another book with the same name would count as a second region.
    expect(new Set(members.map(({ name }) => name)).size).toBe(members.length);
    for (const { number, copies } of books) {
      const where = regions.filter((region) =>
        region.members.some((member) => member.book === number && member.region === region.name),
      );
      expect(new Set(where.map(({ name }) => name))).toEqual(new Set(copies));
    }
  });

  test('no port of an address is used twice', () => {
    const uses = ports.map(({ host, port }) => `${host ?? ''}:${port}`);
    expect(new Set(uses).size).toBe(uses.length);
  });

  test('a region reaches itself directly and all others by a link to all that runs there', () => {
    for (const region of regions) {
      expect(region.hosts.get(region.host)).toBe(region.ip);
      for (const other of regions.filter(({ name }) => name !== region.name)) {
        const link = must(
          links.find(({ from, to }) => from === region.name && to === other.name),
          'there is a link',
        );
        expect(region.hosts.get(other.host)).toBe(link.ip);
        expect(link.targetIp).toBe(other.ip);
        const served = other.members.flatMap((member) => Object.values(member.ports));
        if (other.hasEtcd) served.push(other.ports.etcdClient, other.ports.etcdPeer);
        expect(new Set(link.ports)).toEqual(new Set(served));
      }
    }
  });

  test('etcd has three or five members, all of them known to every region, the nearest first', () => {
    const names = etcdRegions(topology.regions);
    expect(names.length).toBe(count < 5 ? 3 : 5);
    for (const region of regions) {
      expect(region.hasEtcd).toBe(names.includes(region.name));
      expect(region.etcd.length).toBe(names.length);
      for (const { host, ip } of region.etcd) expect(region.hosts.get(host)).toBe(ip);
    }
    const own = regions.filter(({ hasEtcd }) => hasEtcd);
    expect(own.map(({ etcd }) => etcd[0])).toEqual(own.map(({ host, ip }) => ({ host, ip })));
  });
});

test('a pair of regions has the same delay in both directions', () => {
  for (const link of layout.links) {
    const back = layout.links.find(({ from, to }) => from === link.to && to === link.from);
    expect(back?.delayMs).toBe(link.delayMs);
  }
  expect([...new Set(layout.links.map(({ delayMs }) => delayMs))]).toEqual([30, 70, 110]);
});

function timeouts(topology: Topology): { readonly [key: string]: unknown } {
  const described = describeReplicated(topology, 7400);
  return parse(etcdConfig(described, must(described.regions[0], 'there is one'), '/data'));
}

test('a vote of etcd has the time of two round trips between its furthest members', () => {
  expect(timeouts(defaultTopology)).toMatchObject({
    'election-timeout': 500,
    'heartbeat-interval': 50,
    'initial-cluster': expect.stringMatching(/^eu-west=.*,us-east=.*,ap-south=[^,]*$/u),
  });
  const delays = { ...defaultTopology.delays, 'us-east~ap-south': 200 };
  expect(timeouts({ ...defaultTopology, delays })['election-timeout']).toBe(900);
  // The fourth region has no member of etcd: how far it is does not matter, nor is it listed.
  const four = topologyOf(4, 1);
  const far = { ...four, delays: { ...four.delays, 'r1~r4': 900 } };
  expect(timeouts(far)['election-timeout']).toBe(500);
  expect(timeouts(far)['initial-cluster']).not.toContain('r4');
});

test('a commit waits for any one member of its own book', () => {
  expect(synchronousStandbyNames(layout, 2)).toBe(
    'ANY 1 ("us-east-1-in-eu-west", "us-east-1-in-us-east", "us-east-1-in-ap-south")',
  );
  const seven = describeReplicated(topologyOf(7, 2), 7400);
  expect(synchronousStandbyNames(seven, 7)).toBe(
    'ANY 1 ("r7-1-in-r5", "r7-1-in-r6", "r7-1-in-r7")',
  );
});

test('the promotion guard asks for the two other members, never for the candidate itself', () => {
  const programs = { postgresBin: '/bin', python: '/bin/python3' };
  const namesFor = (described: typeof layout, at: number, index: number) => {
    const member = must(described.regions[at]?.members[index], 'there is a member');
    const guard = promotionGuard({ layout: described, member, ...programs, runDir: '/run/m' });
    return /application_name IN \(([^)]*)\)/u.exec(guard)?.[1];
  };
  expect(namesFor(layout, 0, 1)).toBe("'us-east-1-in-us-east', 'us-east-1-in-ap-south'");
  // Of the two books that r5 homes, only its own copies count.
  const five = describeReplicated(topologyOf(5, 2), 7400);
  const last = must(five.regions[4], 'there are five regions').members.length - 1;
  expect(namesFor(five, 4, last)).toBe("'r5-2-in-r3', 'r5-2-in-r4'");
});

test('ports that do not fit are refused', () => {
  expect(() => describeReplicated(defaultTopology, 65_500)).toThrow(/1024 to 65400/u);
  expect(() => describeReplicated(topologyOf(7, 5), 65_400)).toThrow(/35 books need .* lower/u);
});

/** The text of the refusal; '' if it is none. */
function refusal(change: Partial<Topology>, of = defaultTopology): string {
  try {
    describeReplicated({ ...of, ...change }, 7400);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
}

describe('what the replicated profile cannot run is refused with all its problems', () => {
  const [eu, us, ap] = defaultTopology.books;
  const withBook = (change: object) =>
    refusal({ books: [{ ...must(eu, 'eu'), ...change }, must(us, 'us'), must(ap, 'ap')] });

  test.each([1, 2])('%i regions', (count) => {
    expect(refusal({}, topologyOf(count, 1))).toContain('at least 3 regions');
  });

  test('eight regions', () => {
    expect(refusal({}, topologyOf(8, 1))).toContain('1 to 7 regions');
  });

  test('a region without a book, and missing delays', () => {
    const text = refusal({ regions: [...defaultTopology.regions, 'sa-east'] });
    expect(text).toContain('region sa-east homes no book');
    expect(text).toContain('the delay between eu-west and sa-east is missing');
    expect(text).toContain('the delay between ap-south and sa-east is missing');
  });

  test('copies that are too few, too many, twice in a region, not at home, or nowhere', () => {
    expect(withBook({ copies: ['eu-west', 'us-east'] })).toContain('3 copies, not 2');
    expect(withBook({ copies: ['eu-west', 'us-east', 'us-east'] })).toContain(
      'has two copies in us-east',
    );
    expect(withBook({ copies: ['us-east', 'eu-west', 'ap-south'] })).toContain(
      'the first copy of book eu-west-1 must be in eu-west',
    );
    expect(withBook({ copies: ['eu-west', 'us-east', 'mars'] })).toContain(
      'names region mars, which is not there',
    );
    const four = topologyOf(4, 1);
    const books = four.books.map((book) => ({ ...book, copies: [book.region, 'r1', 'r2', 'r3'] }));
    expect(refusal({ books }, four)).toContain('r4-1 must have 3 copies, not 4');
  });

  test('names that Postgres would cut off, that collide, or that are taken', () => {
    expect(withBook({ name: 'a'.repeat(56) })).toContain('longer than 63');
    expect(withBook({ name: 'us-east-1' })).toContain('two copies would have the name');
    expect(withBook({ name: 'etcd' })).toContain('no book may be named etcd');
  });
});
