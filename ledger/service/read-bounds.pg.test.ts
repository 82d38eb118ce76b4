import { setTimeout as sleep } from 'node:timers/promises';
import { ListAssetsResponse } from '../../proto/gen/meridian/v1/asset.ts';
import { connect } from '../store/connect.ts';
import { status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { GetAccountsRequest } from '../../proto/gen/meridian/v1/account.ts';
import {
  CreateTransferRequest,
  GetTransfersRequest,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { reasonOf } from '../rpc/error.ts';
import { Leading } from '../testing/database/leading.ts';
import { openRequest } from '../testing/books/book-requests.ts';
import { listAssets } from './list-assets.ts';
import { LongReads } from './long-reads.ts';
import { errorOf, readFixtures } from '../testing/database/read-fixture.ts';

const { fixture } = readFixtures();

test('a search that takes too long is ended with an error that states it', async () => {
  const { opened } = await fixture(0);
  const longReads = new LongReads(opened.ledger);
  const failure = await errorOf(longReads.run((sql) => sql`SELECT pg_sleep(6)`.execute()));
  expect([failure.code, reasonOf(failure)]).toEqual([status.DEADLINE_EXCEEDED, 'TOO_SLOW']);
  // The connection is as it was.
  expect(await opened.ledger`SHOW statement_timeout`).toEqual([{ statement_timeout: '0' }]);
  // They take turns, and a failure does not keep the others back.
  const running = Array.from({ length: 10 }, (_, index) =>
    longReads.run((sql) => sql`SELECT 1 / ${index % 3}::int4`.execute()),
  );
  const settled = await Promise.allSettled(running);
  expect(settled.map((each) => each.status === 'fulfilled')).toEqual(
    running.map((_, index) => index % 3 !== 0),
  );
});

test('searches whose callers have gone take neither a turn nor the database', async () => {
  const { opened } = await fixture(0);
  const cancelling = connect(opened.ledgerUrl, 1);
  onTestFinished(() => cancelling.end({ timeout: 1 }));
  const longReads = new LongReads(opened.ledger, cancelling);
  const callers = Array.from({ length: 202 }, () => new AbortController());
  const searches = callers.map(({ signal }) =>
    errorOf(longReads.run((sql) => sql`SELECT pg_sleep(4)`.execute(), signal)),
  );
  const next = longReads.run((sql) => sql`SELECT 1 AS one`.execute());
  const refused = await errorOf(next);
  expect(reasonOf(refused)).toBe('OVERLOADED');
  await sleep(300);
  const began = performance.now();
  for (const caller of callers) caller.abort();
  expect((await longReads.run((sql) => sql`SELECT 1 AS one`.execute())).found).toEqual([
    { one: 1 },
  ]);
  expect(performance.now() - began).toBeLessThan(1_000);
  for (const failure of await Promise.all(searches)) expect(failure.code).toBe(status.CANCELLED);
  // The next users of their connections are left alone.
  const after = Array.from({ length: 20 }, () => opened.ledger`SELECT pg_sleep(0.01)`);
  await Promise.all(after);
});

/** Seq of the position that an answer carries. */
test('assets are listed with the largest amount there can be', async () => {
  const { member, opened } = await fixture(0);
  await opened.admin`INSERT INTO asset VALUES ('ETH', 18, 1, now()), ('POINT', 0, 2, now())`;
  const { assets } = await listAssets(member);
  const of = (code: string) => assets.find(({ asset }) => asset === code);
  expect(assets.map(({ asset }) => asset)).toEqual(assets.map(({ asset }) => asset).toSorted());
  expect(of('EUR')).toEqual({
    asset: 'EUR',
    scale: 2,
    maxAmount: '46116860184273879.03',
    iso4217: true,
  });
  expect(of('KWD')?.maxAmount).toBe('4611686018427387.903');
  expect(of('ETH')).toMatchObject({ maxAmount: '4.611686018427387903', iso4217: false });
  expect(of('POINT')?.maxAmount).toBe('4611686018427387903');
});

test('as many assets as there may be fit a message, and no more are registered', async () => {
  const { member, opened, leading } = await fixture(0);
  await leading.stop();
  await opened.admin`
    INSERT INTO asset SELECT 'LONGEST.ASSET' || lpad(to_hex(n), 3, 'X'), 18, n, now()
      FROM generate_series(1, 4095) n`;
  await opened.admin`
    INSERT INTO asset SELECT 'LONG.ASSET-' || lpad(n::text, 5, '0'), 18, n, now()
      FROM generate_series(1, 61441) n`;
  const { leader } = await Leading.over(opened);
  const { memory } = leader;
  expect(['NEW', 'EUR', 'LONG.ASSET-00001'].map((name) => memory.mayRegister(name))).toEqual([
    false,
    true,
    true,
  ]);
  const response = await listAssets({ ...member, leader });
  expect(response.assets.length).toBeGreaterThan(65_536);
  expect(ListAssetsResponse.encode(response).finish().length).toBeLessThan(4 * 1024 * 1024);
});

test('an answer that would be too large is refused, however little was asked', async () => {
  const { accounts, transfers, leading } = await fixture(0);
  const metadata = Object.fromEntries(
    Array.from({ length: 16 }, (_, index) => [`${index}`.padEnd(64, 'n'), 'v'.repeat(256)]),
  );
  const open = { noMinBalance: undefined, asset: 'EUR', metadata };
  const [rich, other] = await leading.open([
    openRequest({ ...open, externalId: 'rich' }),
    openRequest({ ...open, externalId: 'other' }),
  ]);
  const [from, to] = [rich?.account?.id ?? 0n, other?.account?.id ?? 0n];
  const many = accounts.getMany(
    GetAccountsRequest.fromPartial({ ids: Array.from({ length: 4_000 }, () => from) }),
  );
  expect((await errorOf(many)).message).toContain('ids name accounts with more than');
  const legs = Array.from({ length: 200 }, () => ({
    debitAccountId: from,
    creditAccountId: to,
    amount: 1n,
    metadata,
  }));
  const group = CreateTransferRequest.fromPartial({
    idempotencyKey: 'group',
    action: { $case: 'group', value: { legs } },
  });
  await leading.transfer([group]);
  const asked = GetTransfersRequest.fromPartial({
    transfers: Array.from({ length: 50 }, () => ({
      by: { $case: 'idempotencyKey', value: 'group' },
    })),
  });
  expect((await errorOf(transfers.getMany(asked))).message).toContain('bytes of metadata');
});
