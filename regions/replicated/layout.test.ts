import { expect, test } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import { regionNames } from '../local/layout.ts';
import { describeReplicated, wanDelays } from './layout.ts';
import { promotionGuard, synchronousStandbyNames } from './promotion-guard.ts';

const layout = describeReplicated(7400, wanDelays);

test('every book has a member in every region, each with a name of its own', () => {
  const members = layout.regions.flatMap((region) => region.members);
  expect(members.length).toBe(layout.books.length * regionNames.length);
  // A stranger's replica of the same name would count as a second region.
  expect(new Set(members.map(({ name }) => name)).size).toBe(members.length);
});

test('regions use the same ports on addresses of their own, and links those of both ends', () => {
  const [eu, us] = layout.regions;
  expect(eu?.ports).toEqual(us?.ports);
  expect(eu?.ip).not.toBe(us?.ip);
  const uses = layout.ports.map(({ host, port }) => `${host ?? ''}:${port}`);
  expect(new Set(uses).size).toBe(uses.length);
});

test('a region reaches itself directly and others by a link, all by the names that all use', () => {
  for (const region of layout.regions) {
    expect(region.hosts.get(region.host)).toBe(region.ip);
    for (const other of layout.regions.filter(({ name }) => name !== region.name)) {
      const link = must(
        layout.links.find(({ from, to }) => from === region.name && to === other.name),
        'there is a link',
      );
      expect(region.hosts.get(other.host)).toBe(link.ip);
      expect(link.targetIp).toBe(other.ip);
      for (const { ports } of other.members) {
        for (const port of Object.values(ports)) expect(link.ports).toContain(port);
      }
    }
  }
});

test('a pair of regions has the same delay in both directions', () => {
  for (const link of layout.links) {
    const back = layout.links.find(({ from, to }) => from === link.to && to === link.from);
    expect(back?.delayMs).toBe(link.delayMs);
  }
  expect([...new Set(layout.links.map(({ delayMs }) => delayMs))]).toEqual([30, 70, 110]);
});

test('a commit waits for any one member of its own book', () => {
  expect(synchronousStandbyNames(layout, 2)).toBe(
    'ANY 1 ("us-east-1-in-eu-west", "us-east-1-in-us-east", "us-east-1-in-ap-south")',
  );
});

test('the promotion guard asks for the two other members, never for the candidate itself', () => {
  const member = must(layout.regions[0]?.members[1], 'there is a member');
  const programs = { postgresBin: '/bin', python: '/bin/python3' };
  const guard = promotionGuard({ layout, member, ...programs, runDir: '/run/m' });
  const [, names = ''] = /application_name IN \(([^)]*)\)/u.exec(guard) ?? [];
  expect(names).toBe("'us-east-1-in-us-east', 'us-east-1-in-ap-south'");
});

test('ports that do not fit are refused', () => {
  expect(() => describeReplicated(65_500, wanDelays)).toThrow(/1024 to 65400/u);
});
