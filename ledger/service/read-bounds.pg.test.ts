import { setTimeout as sleep } from 'node:timers/promises';
import { ListAssetsResponse } from '../../proto/gen/meridian/v1/asset.ts';
import { connect } from '../store/postgres/connect.ts';
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
import { ledgerTuning } from '../ledger-tuning.ts';
import { LongReads } from './long-reads.ts';
import type { SnapshotReads } from '../store/book-store.ts';
import { PostgresDatabase, PostgresStore } from '../store/postgres/postgres-store.ts';
import type { TestDatabase } from '../testing/database/database.ts';
import { ALICE, BOOK, errorOf, readFixtures } from '../testing/database/read-fixture.ts';

const { fixture } = readFixtures();

/** Nothing reads the journal until the function that is returned has been called. */
async function lockJournal({ adminUrl }: TestDatabase): Promise<() => Promise<void>> {
  const sql = connect(adminUrl, 1);
  onTestFinished(() => sql.end({ timeout: 0 }));
  await sql.unsafe('BEGIN; LOCK TABLE journal IN ACCESS EXCLUSIVE MODE');
  return async () => {
    await sql`COMMIT`.simple();
  };
}

const slow = (reads: SnapshotReads) => reads.readStates(ALICE, 'seq', [1n]);
const quick = () => Promise.resolve('quick');
/** No column holds such a number. */
const failing = (reads: SnapshotReads) => reads.readStates(1n << 64n, 'seq', [1n]);

test('a search that takes too long is ended with an error that states it', async () => {
  const { opened } = await fixture(0);
  const longReads = new LongReads(new PostgresStore(opened.ledger, BOOK));
  const unlock = await lockJournal(opened);
  const failure = await errorOf(longReads.run(slow));
  expect([failure.code, reasonOf(failure)]).toEqual([status.DEADLINE_EXCEEDED, 'TOO_SLOW']);
  await unlock();
  // The connection is as it was.
  expect(await opened.ledger`SHOW statement_timeout`).toEqual([{ statement_timeout: '0' }]);
  // They take turns, and a failure does not keep the others back.
  const running = Array.from({ length: 10 }, (_, index) =>
    longReads.run<unknown>(index % 3 === 0 ? failing : slow),
  );
  const settled = await Promise.allSettled(running);
  expect(settled.map((each) => each.status === 'fulfilled')).toEqual(
    running.map((_, index) => index % 3 !== 0),
  );
});

test('searches whose callers have gone take neither a turn nor the database', async () => {
  const { opened } = await fixture(0);
  const store = new PostgresDatabase(opened.ledgerUrl, BOOK).open(2);
  onTestFinished(() => store.close(1));
  const longReads = new LongReads(store, { ...ledgerTuning, longReadMs: 50_000 });
  await lockJournal(opened);
  const callers = Array.from({ length: 202 }, () => new AbortController());
  const searches = callers.map(({ signal }) => errorOf(longReads.run(slow, signal)));
  const refused = await errorOf(longReads.run(quick));
  expect(reasonOf(refused)).toBe('OVERLOADED');
  await sleep(300);
  const began = performance.now();
  for (const caller of callers) caller.abort();
  expect((await longReads.run(quick)).found).toBe('quick');
  expect(performance.now() - began).toBeLessThan(20_000);
  for (const failure of await Promise.all(searches)) expect(failure.code).toBe(status.CANCELLED);
  // The next users of their connections are left alone.
  await Promise.all(Array.from({ length: 20 }, () => store.readPosition()));
});

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
