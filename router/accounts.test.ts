import { status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { ownerOf } from '../ledger/core/placement.ts';
import { reasonOf } from '../ledger/rpc/error.ts';
import { Leaders } from '../ledger/rpc/leaders.ts';
import { OpenAccountRequest } from '../proto/gen/meridian/v1/account.ts';
import { Accounts } from './accounts.ts';
import { Books } from './books/books.ts';
import { Forward } from './books/forward.ts';
import { Reads } from './reads/reads.ts';
import { StandInServer } from './testing/stand-in-server.ts';
import { insecureLinks } from '../ledger/rpc/tls/credentials.ts';

/** Which books are asked about an external id, and what callers see of a book that a router lacks. */

const REGION = 'eu-west';

/** Books of one region, each with a server that owns what the rule gives it. */
async function region(...numbers: readonly number[]) {
  const servers = await Promise.all(
    numbers.map((number) => new StandInServer(REGION, number).start()),
  );
  const leaders = new Leaders(
    servers.map(({ address }) => address),
    insecureLinks,
  );
  onTestFinished(() => {
    leaders.close();
    for (const server of servers) server.stop();
  });
  for (const [index, server] of servers.entries()) {
    const number = numbers[index] ?? 0;
    server.owns = (externalId, regionBooks) => ownerOf(externalId, regionBooks) === number;
    server.lead(1);
    const epoch = () => leaders.leaderOf(number)?.epoch;
    await expect.poll(epoch, { timeout: 5_000, interval: 5 }).toBe(1);
  }
  const books = new Books(
    numbers.map((number) => ({ number, name: `book-${number}`, region: REGION })),
  );
  const forward = new Forward(leaders);
  const accounts = new Accounts(books, forward);
  const reads = new Reads(books, forward);
  const open = (...names: readonly string[]) => {
    const asked = names.map((externalId) =>
      OpenAccountRequest.fromPartial({ externalId, homeRegion: REGION, asset: 'EUR' }),
    );
    return accounts.open(asked, Date.now() + 5_000);
  };
  const find = (externalId: string, homeRegion = REGION) =>
    reads.find({ externalId, homeRegion }, Date.now() + 5_000);
  return { servers, open, find };
}

const names = Array.from({ length: 30 }, (_, index) => `name-${index}`);
const ownedBy = (number: number) => names.filter((name) => ownerOf(name, [1, 4]) === number);

test('in a region with one book an opening is one call', async () => {
  const { servers, open } = await region(7);
  expect(await open('alice', 'bob')).toHaveLength(2);
  expect(servers.map(({ placed }) => placed)).toMatchObject([
    [{ accounts: [{ externalId: 'alice' }, { externalId: 'bob' }], regionBooks: [7] }],
  ]);
});

test('the owners of a name are asked oldest first, each once for all names of a call', async () => {
  const { servers, open } = await region(1, 4);
  expect(await open(...names)).toHaveLength(names.length);
  const asked = servers.map(({ placed }) =>
    placed.map(({ accounts, regionBooks }) => [
      accounts.map(({ externalId }) => externalId),
      regionBooks,
    ]),
  );
  expect(ownedBy(4).length).toBeGreaterThan(3);
  expect(asked).toEqual([[[names, [1, 4]]], [[ownedBy(4), [1, 4]]]]);
});

test('a name whose owner this router does not know is not opened', async () => {
  const { servers, open } = await region(1);
  const [server] = servers;
  if (server !== undefined) server.owns = (name) => ownerOf(name, [1, 4]) === 1;
  const [mine = '', other = ''] = [ownedBy(1)[0], ownedBy(4)[0]];
  expect(await open(mine)).toHaveLength(1);
  const fault = await open(other).catch((error: unknown) => error);
  expect(fault).toMatchObject({
    code: status.UNAVAILABLE,
    details: expect.stringContaining(`"${other}" was not opened`),
  });
  expect(fault).toSatisfy((error: Parameters<typeof reasonOf>[0]) => {
    return reasonOf(error) === 'TOPOLOGY_OUTDATED';
  });
});

test('an account is looked up in every book that has owned its name, and in no other', async () => {
  const { servers, find } = await region(1, 4);
  const [mine = '', other = ''] = [ownedBy(1)[0], ownedBy(4)[0]];
  const [old, added] = servers;
  if (added !== undefined) added.located.accounts = [{ externalId: other, homeRegion: REGION }];
  expect((await find(mine)).accounts).toEqual([]);
  expect([old?.reads, added?.reads]).toEqual([1, 0]);
  expect((await find(other)).accounts).toMatchObject([{ externalId: other }]);
  expect([old?.reads, added?.reads]).toEqual([2, 1]);
});

test('"none" is not answered where another book may have the account', async () => {
  const { servers, find } = await region(1);
  const [server] = servers;
  if (server === undefined) throw new Error('there is one');
  server.located.ownedElsewhere = true;
  for (const homeRegion of [REGION, '']) {
    const fault = await find('alice', homeRegion).catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: status.UNAVAILABLE });
    expect(String(fault)).toContain('cannot be looked up');
  }
  // An account that was opened before the other book joined is where it was.
  server.located.accounts = [{ externalId: 'alice', homeRegion: REGION }];
  expect((await find('alice')).accounts).toMatchObject([{ externalId: 'alice' }]);
});

test('a ledger server of an earlier release opens and finds accounts of a region with one book', async () => {
  const { servers, open, find } = await region(1);
  const [server] = servers;
  if (server === undefined) throw new Error('there is one');
  server.isEarlier = true;
  expect(await open('alice')).toHaveLength(1);
  expect(server).toMatchObject({ changed: 1, placed: [] });
  server.located.accounts = [{ externalId: 'alice', homeRegion: REGION }];
  expect((await find('alice')).accounts).toMatchObject([{ externalId: 'alice' }]);
  // It would open a name that another book owns.
  const several = await region(1, 4);
  for (const each of several.servers) each.isEarlier = true;
  await expect(several.open('alice')).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
});
