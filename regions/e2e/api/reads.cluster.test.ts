import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accountId } from '../../../ledger/core/account-id.ts';
import {
  type Account,
  GetAccountRequest,
  type GetAccountResponse,
  type GetAccountsResponse,
} from '../../../proto/gen/meridian/v1/account.ts';
import type { ListAssetsResponse } from '../../../proto/gen/meridian/v1/asset.ts';
import { ReadLevel } from '../../../proto/gen/meridian/v1/position.ts';
import {
  type Filter,
  GetStatementRequest,
  type GetStatementResponse,
  ListTransfersRequest,
  type ListTransfersResponse,
  Side,
} from '../../../proto/gen/meridian/v1/query.ts';
import {
  GetTransferRequest,
  type GetTransfersResponse,
  TransferStatus,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { type Cluster, startCluster } from '../../supervisor/embedded/embedded-cluster.ts';
import { findFreeBase } from '../../processes/ports.ts';
import { Api, type ApiError } from '../../testing/api-client.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

/** Reads of the public API, through routers of other regions than the accounts'. */

const folder = temporaryFolder();
let cluster: Cluster;
let eu: Api;
let us: Api;
let alice = 0n;
let bob = 0n;
let away = 0n;

beforeAll(async () => {
  const dataDir = path.join(folder(), 'data');
  cluster = await startCluster({ dataDir, basePort: await findFreeBase() });
  const [first, second] = cluster.regions.map(({ routerAddress }) => new Api(routerAddress));
  if (first === undefined || second === undefined) throw new Error('there are three regions');
  eu = first;
  us = second;
  alice = await eu.account('alice');
  bob = await eu.account('bob');
  away = await eu.account('away', { homeRegion: 'us-east' });
  const from = { debitAccountId: alice, amount: 10n };
  await eu.transfers([
    { ...from, idempotencyKey: 'rent', creditAccountId: bob, reference: 'rent', code: 4 },
    { ...from, idempotencyKey: 'far', creditAccountId: away, metadata: { order: '7' } },
  ]);
  await eu.transfer({
    idempotencyKey: 'back',
    debitAccountId: away,
    creditAccountId: bob,
    amount: 3n,
  });
});

afterAll(async () => {
  eu?.close();
  us?.close();
  await cluster?.stop();
});

const byKey = (value: string, debitAccountId = 0n) =>
  GetTransferRequest.fromPartial({ by: { $case: 'idempotencyKey', value }, debitAccountId });

const inEu = { $case: 'book', value: 'eu-west-1' } as const;

function list(fields: Partial<ListTransfersRequest>, api = us) {
  const request = ListTransfersRequest.fromPartial(fields);
  return api.call<ListTransfersResponse>((stub, ...rest) => stub.listTransfers(request, ...rest));
}

function account(fields: Partial<GetAccountRequest>, api = us) {
  const request = GetAccountRequest.fromPartial({ id: alice, ...fields });
  return api.call<GetAccountResponse>((stub, ...rest) => stub.getAccount(request, ...rest));
}

test('accounts of several regions are read at once, in the order asked', async () => {
  const unknown = accountId(3, 77);
  const ids = [away, alice, unknown, bob, away];
  const request = { ids, options: undefined };
  const read = await us.call<GetAccountsResponse>((stub, ...rest) =>
    stub.getAccounts(request, ...rest),
  );
  const balances = read.accounts.map(({ id, balance }: Account) => [id, balance]);
  expect(balances).toEqual([
    [away, 7n],
    [alice, -20n],
    [bob, 13n],
    [away, 7n],
  ]);
  expect(read.missing).toEqual([unknown]);
  expect(read.positions.map(({ book }) => book).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
  const wrong = us.call((stub, ...rest) =>
    stub.getAccounts({ ids: [alice, accountId(9, 1)], options: undefined }, ...rest),
  );
  await expect(wrong).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['ids[1]'] });
});

test('transfers are found in every book that decided them', async () => {
  const transfers = [
    byKey('back'),
    byKey('never'),
    byKey('rent', alice),
    byKey('rent', away),
    byKey('far'),
  ];
  const read = await us.call<GetTransfersResponse>((stub, ...rest) =>
    stub.getTransfers({ transfers, options: undefined }, ...rest),
  );
  expect(read.transfers.map(({ found }) => found)).toEqual([true, false, true, false, true]);
  expect(read.transfers.map(({ transfer }) => transfer?.position?.book)).toEqual([
    2,
    undefined,
    1,
    undefined,
    1,
  ]);
  expect(read.positions.map(({ book }) => book).toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
  const one = byKey('back');
  const alone = await eu.call<GetTransfersResponse['transfers'][0]>((stub, ...rest) =>
    stub.getTransfer(one, ...rest),
  );
  expect(alone.transfer).toEqual(read.transfers[0]?.transfer);
});

test('a search of a book includes transfers from other regions', async () => {
  const all = await list({ scope: inEu });
  const listed = all.transfers.map(({ debitAccountId, creditAccountId, amount, status }) => [
    debitAccountId,
    creditAccountId,
    amount,
    status,
  ]);
  expect(listed).toEqual([
    [alice, bob, 10n, TransferStatus.POSTED],
    [alice, away, 10n, TransferStatus.POSTED],
    [away, bob, 3n, TransferStatus.POSTED],
  ]);
  expect(all.transfers[2]).toMatchObject({ idempotencyKey: '', position: { book: 1 } });
  const found = async (asked: Filter['test']) => {
    const { transfers } = await list({ scope: inEu, filter: { test: asked } });
    return transfers.map(({ amount, idempotencyKey }) => `${idempotencyKey} ${amount}`);
  };
  expect(await found({ $case: 'code', value: 4 })).toEqual(['rent 10']);
  expect(await found({ $case: 'metadata', value: { name: 'order', value: undefined } })).toEqual([
    'far 10',
  ]);
  const toBob: Filter['test'] = { $case: 'account', value: { accountId: bob, side: Side.CREDIT } };
  const rent: Filter['test'] = { $case: 'reference', value: 'rent' };
  const notRent: Filter = { test: { $case: 'noneOf', value: { test: rent } } };
  const both = { filters: [{ test: toBob }, notRent] };
  expect(await found({ $case: 'allOf', value: both })).toEqual([' 3']);
  const ofAway = await list({ scope: { $case: 'accountId', value: away } }, eu);
  expect(ofAway.transfers.map(({ amount }) => amount)).toEqual([10n, 3n]);
});

/** The code of the error that a search fails with, and the fields that it names. */
const refusalOf = (fields: Partial<ListTransfersRequest>) =>
  list(fields).then(
    () => [],
    (error: ApiError) => [error.code, ...error.fields],
  );

const refused = (...fields: string[]) => ['INVALID_ARGUMENT', ...fields];

test('a malformed search is refused with the name of its field', async () => {
  expect(await refusalOf({})).toEqual(refused('book'));
  expect(await refusalOf({ scope: { $case: 'book', value: 'atlantis-1' } })).toEqual(
    refused('book'),
  );
  expect(await refusalOf({ scope: { $case: 'accountId', value: 5n } })).toEqual(
    refused('account_id'),
  );
  expect(await refusalOf({ scope: inEu, pageSize: 1001 })).toEqual(refused('page_size'));
  expect(await refusalOf({ scope: inEu, pageToken: 'x' })).toEqual(refused('page_token'));
  const elsewhere: Filter['test'] = { $case: 'account', value: { accountId: away, side: 0 } };
  const filters = [{ test: elsewhere }, { test: undefined }];
  const filter: Filter = { test: { $case: 'anyOf', value: { filters } } };
  expect(await refusalOf({ scope: inEu, filter })).toEqual(
    refused('filter.any_of.filters[0].account.account_id', 'filter.any_of.filters[1]'),
  );
});

test('a statement explains a balance, from any region', async () => {
  const request = GetStatementRequest.fromPartial({ accountId: bob, pageSize: 1 });
  const statement = (fields: Partial<GetStatementRequest>) =>
    us.call<GetStatementResponse>((stub, ...rest) =>
      stub.getStatement({ ...request, ...fields }, ...rest),
    );
  const first = await statement({});
  expect(first).toMatchObject({
    opening: { version: 0n, balance: 0n },
    closing: { version: 2n, balance: 13n },
    debits: 0n,
    credits: 13n,
  });
  const second = await statement({ pageToken: first.nextPageToken });
  const entries = [...first.entries, ...second.entries];
  expect(
    entries.map(({ counterpartyAccountId, amount }) => [counterpartyAccountId, amount]),
  ).toEqual([
    [alice, 10n],
    [away, 3n],
  ]);
});

test('an account is read at the requested consistency level and position', async () => {
  const now = await account({});
  const { book = 0, epoch = 0n, seq = 0n } = now.position ?? {};
  for (const level of [ReadLevel.LEADER, ReadLevel.LINEARIZABLE, ReadLevel.STALE]) {
    const read = await account({ options: { level, minPosition: { book, epoch, seq } } });
    expect(read.account).toEqual(now.account);
  }
  const then = await account({ asOf: { $case: 'asOfSeq', value: seq } });
  expect(then.account).toEqual(now.account);
  // A read does not wait long for a position that the book does not reach.
  const minPosition = { book, epoch, seq: seq + 1000n };
  const behind = { code: 'UNAVAILABLE', reason: 'BEHIND', retryable: true };
  const begun = performance.now();
  await expect(account({ options: { level: 0, minPosition } })).rejects.toMatchObject(behind);
  const later = { $case: 'asOfSeq', value: seq + 1000n } as const;
  await expect(account({ asOf: later })).rejects.toMatchObject(behind);
  expect(performance.now() - begun).toBeLessThan(15_000);
});

test('assets need not be registered if they are currencies', async () => {
  const { assets } = await us.call<ListAssetsResponse>((stub, ...rest) =>
    stub.listAssets({}, ...rest),
  );
  expect(assets.find(({ asset }) => asset === 'KWD')).toEqual({
    asset: 'KWD',
    scale: 3,
    maxAmount: '4611686018427387.903',
    iso4217: true,
  });
});
