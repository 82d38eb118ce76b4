import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  ChangeAccountRequest,
  type ChangeAccountResponse,
  ChangeStatus,
  Freeze,
  OpenAccountRequest,
  type OpenAccountsResponse,
} from '../../../proto/gen/meridian/v1/account.ts';
import {
  RegisterAssetRequest,
  type RegisterAssetResponse,
} from '../../../proto/gen/meridian/v1/asset.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { CreateTransferRequest, TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { Api } from '../../testing/api-client.ts';
import { RestorableBooks } from '../restore/restorable-books.ts';

/** Every answer that a request with `dry_run` can get is marked on the wire, and no other is. */

let books: RestorableBooks;
let api: Api;
let cash: bigint;
let shop: bigint;
let far: bigint;

beforeAll(async () => {
  books = await RestorableBooks.start(2);
  api = new Api(books.routerAddress);
  cash = await api.account('cash');
  shop = await api.account('shop', { min: { $case: 'minBalance', value: 0n } });
  far = await api.account('far', { homeRegion: 'us-east' });
}, 60_000);

afterAll(async () => {
  api.close();
  await books.stop();
});

const openAll = (accounts: Partial<OpenAccountRequest>[], dryRun: boolean) => {
  const all = accounts.map((fields) =>
    OpenAccountRequest.fromPartial({ homeRegion: 'eu-west', asset: 'EUR', ...fields, dryRun }),
  );
  return api.call<OpenAccountsResponse>((stub, ...rest) =>
    stub.openAccounts({ accounts: all }, ...rest),
  );
};

const change = (fields: Partial<ChangeAccountRequest>) => {
  const by = { by: 'jane', why: 'a test', accountId: cash };
  const request = ChangeAccountRequest.fromPartial({ ...by, ...fields });
  return api.call<ChangeAccountResponse>((stub, ...rest) => stub.changeAccount(request, ...rest));
};

const register = (fields: Partial<RegisterAssetRequest>) => {
  const request = RegisterAssetRequest.fromPartial({ by: 'jane', why: 'a test', ...fields });
  return api.call<RegisterAssetResponse>((stub, ...rest) => stub.registerAsset(request, ...rest));
};

test('openings: new, known, of other fields, of another scale and of no asset', async () => {
  const asked = [
    { externalId: 'new' },
    { externalId: 'new far', homeRegion: 'us-east' },
    { externalId: 'cash', min: { $case: 'noMinBalance', value: true } as const },
    { externalId: 'shop', metadata: { other: 'yes' } },
    { externalId: 'scaled', asset: 'EUR/3' },
    { externalId: 'none', asset: 'NONE' },
  ];
  const expected = [
    { replayed: false, reason: Reason.UNSPECIFIED },
    { replayed: false, reason: Reason.UNSPECIFIED },
    { replayed: true, reason: Reason.UNSPECIFIED },
    { replayed: false, reason: Reason.IDEMPOTENCY_KEY_REUSED },
    { replayed: false, reason: Reason.SCALE_MISMATCH },
    { replayed: false, reason: Reason.ASSET_NOT_REGISTERED },
  ];
  for (const dryRun of [true, false]) {
    const { accounts } = await openAll(asked, dryRun);
    expect(accounts).toMatchObject(expected.map((each) => ({ ...each, dryRun })));
  }
  const place = { homeRegion: 'eu-west', asset: 'EUR' };
  expect(await api.open({ externalId: 'alone', ...place, dryRun: true })).toMatchObject({
    dryRun: true,
  });
  expect(await api.open({ externalId: 'alone', ...place })).toMatchObject({ dryRun: false });
});

const CHANGES: readonly ChangeAccountRequest['change'][] = [
  { $case: 'freeze', value: Freeze.NONE },
  { $case: 'limits', value: { minBalance: 0n, maxBalance: 100n } },
  { $case: 'metadata', value: { metadata: { owner: 'finance' } } },
  { $case: 'close', value: {} },
  { $case: 'reopen', value: {} },
];

test('changes of every kind: applied, rejected, known, of a used key', async () => {
  for (const asked of CHANGES) {
    const idempotencyKey = `change ${asked?.$case}`;
    const fields = { idempotencyKey, change: asked, accountId: shop };
    const applied = { status: ChangeStatus.APPLIED, replayed: false };
    expect(await change({ ...fields, dryRun: true })).toMatchObject({ ...applied, dryRun: true });
    expect(await change(fields)).toMatchObject({ ...applied, dryRun: false });
    const known = { status: ChangeStatus.APPLIED, replayed: true };
    expect(await change({ ...fields, dryRun: true })).toMatchObject({ ...known, dryRun: true });
    expect(await change(fields)).toMatchObject({ ...known, dryRun: false });
    expect(await change({ ...fields, why: 'another', dryRun: true })).toMatchObject({
      reason: Reason.IDEMPOTENCY_KEY_REUSED,
      dryRun: true,
    });
    const late = { ...fields, idempotencyKey: `${idempotencyKey} late`, expectedVersion: 99n };
    expect(await change({ ...late, dryRun: true })).toMatchObject({
      status: ChangeStatus.REJECTED,
      dryRun: true,
    });
  }
});

test('registrations: new, known, of another scale', async () => {
  const asset = 'POINTS';
  const added = { replayed: false, differingField: '', asset: { scale: 2 } };
  expect(await register({ asset, scale: 2, dryRun: true })).toMatchObject({
    ...added,
    dryRun: true,
  });
  expect(await register({ asset, scale: 2 })).toMatchObject({ ...added, dryRun: false });
  const known = { ...added, replayed: true };
  expect(await register({ asset, scale: 2, dryRun: true })).toMatchObject({
    ...known,
    dryRun: true,
  });
  expect(await register({ asset, scale: 2 })).toMatchObject({ ...known, dryRun: false });
  const other = { asset: undefined, differingField: 'scale' };
  expect(await register({ asset, scale: 3, dryRun: true })).toMatchObject({
    ...other,
    dryRun: true,
  });
  expect(await register({ asset, scale: 3 })).toMatchObject({ ...other, dryRun: false });
});

test('transfers: posted, far away, returned, rejected, known, of a used key, legs', async () => {
  const pay = { debitAccountId: cash, creditAccountId: shop, amount: 1n };
  const { POSTED, REJECTED, RETURNED } = TransferStatus;
  const leg = { debitAccountId: cash, creditAccountId: shop, amount: 1n };
  const cases: readonly [string, Partial<CreateTransferRequest>, TransferStatus][] = [
    ['posted', pay, POSTED],
    ['far', { ...pay, creditAccountId: far }, POSTED],
    ['nowhere', { ...pay, creditAccountId: far + 1_000n }, RETURNED],
    ['poor', { ...pay, debitAccountId: shop, creditAccountId: cash, amount: 1_000n }, REJECTED],
    [
      'group',
      CreateTransferRequest.fromPartial({
        action: { $case: 'group', value: { legs: [leg, leg] } },
      }),
      POSTED,
    ],
  ];
  for (const [idempotencyKey, fields, status] of cases) {
    const asked = { ...fields, idempotencyKey };
    const legs = (dryRun: boolean) =>
      idempotencyKey === 'group' ? { group: { legs: [{ dryRun }, { dryRun }] } } : {};
    for (const replayed of [false, true]) {
      // What the other book would do is only known if it answers soon.
      await expect
        .poll(() => api.transfer({ ...asked, dryRun: true }))
        .toMatchObject({ status, replayed, dryRun: true, ...legs(true) });
      const real = await api.transfer(asked);
      expect(real).toMatchObject({ status, replayed, dryRun: false, ...legs(false) });
    }
    const used = await api.transfer({ ...asked, code: 7, dryRun: true });
    expect(used).toMatchObject({ reason: Reason.IDEMPOTENCY_KEY_REUSED, dryRun: true });
  }
});
