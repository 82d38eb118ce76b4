import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accountPages } from '../../../ledger/rpc/page.ts';
import { accountId } from '../../../ledger/core/account-id.ts';
import { connect } from '../../../ledger/store/postgres/connect.ts';
import {
  GetAccountRequest,
  type OpenAccountRequest,
  OpenAccountsRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { CreateTransferRequest, TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { type Cluster, startCluster } from '../../supervisor/embedded/embedded-cluster.ts';
import { findFreeBase } from '../../processes/ports.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { Api, ApiError } from '../../testing/api-client.ts';
import { frame, rawBytes, rawCall } from './raw-call.ts';

/** Every input of a router gets a named answer, and the processes survive. */

const folder = temporaryFolder();
let cluster: Cluster;
let api: Api;
let router = '';
let alice = 0n;
let bob = 0n;
let dollars = 0n;
let away = 0n;
let awayDollars = 0n;

beforeAll(async () => {
  const dataDir = path.join(folder(), 'data');
  cluster = await startCluster({ dataDir, basePort: await findFreeBase() });
  router = cluster.regions[0]?.routerAddress ?? '';
  api = new Api(router);
  alice = await api.account('alice');
  bob = await api.account('bob', { min: undefined });
  dollars = await api.account('dollars', { asset: 'USD' });
  away = await api.account('away', { homeRegion: 'us-east' });
  awayDollars = await api.account('away dollars', { homeRegion: 'us-east', asset: 'USD' });
});

afterAll(async () => {
  api?.close();
  await cluster?.stop();
});

let keys = 0;
const good = (): Partial<CreateTransferRequest> => {
  keys += 1;
  return { idempotencyKey: `key ${keys}`, debitAccountId: alice, creditAccountId: bob, amount: 1n };
};

async function errorOf(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => new Error('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof ApiError) return error;
  throw error;
}

const token = (text: string) => Buffer.from(text).toString('base64url');
const method = '/meridian.v1.LedgerService/CreateTransfer';
const wellFormed = () =>
  CreateTransferRequest.encode(CreateTransferRequest.fromPartial(good())).finish();
const rawField = (number: number, wireType: number, bytes: number[]) =>
  Uint8Array.of((number << 3) | wireType, ...bytes);
const MAX = 2n ** 63n - 1n;
const pairs = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`name ${index}`, 'x']));

describe('one transfer', () => {
  test.each<[string, Partial<CreateTransferRequest>, string]>([
    ['without a key', { idempotencyKey: '' }, 'idempotency_key'],
    ['with a key of 129 characters', { idempotencyKey: 'k'.repeat(129) }, 'idempotency_key'],
    ['with a key of a million characters', { idempotencyKey: 'k'.repeat(1e6) }, 'idempotency_key'],
    ['with NUL in its key', { idempotencyKey: 'a\0b' }, 'idempotency_key'],
    ['with NUL in its reference', { reference: '\0' }, 'reference'],
    ['with a namespace of 65 characters', { namespace: 'n'.repeat(65) }, 'namespace'],
    ['without a payer', { debitAccountId: 0n }, 'debit_account_id'],
    ['with a negative payer', { debitAccountId: -5n }, 'debit_account_id'],
    ['with a payer in no book', { debitAccountId: 17n }, 'debit_account_id'],
    ['with a payer in an unknown book', { debitAccountId: accountId(77, 1) }, 'debit_account_id'],
    ['with a book as payee', { creditAccountId: 2n ** 48n }, 'credit_account_id'],
    ['of zero', { amount: 0n }, 'amount'],
    ['of less than zero', { amount: -1n }, 'amount'],
    ['of the smallest number', { amount: -MAX - 1n }, 'amount'],
    ['of a malformed asset', { asset: 'Euro' }, 'asset'],
    ['with a negative code', { code: -1 }, 'code'],
    ['with 17 pairs of metadata', { metadata: pairs(17) }, 'metadata'],
    ['with a long name in metadata', { metadata: { ['n'.repeat(65)]: '' } }, 'metadata'],
    ['with a long value in metadata', { metadata: { a: 'v'.repeat(257) } }, 'metadata'],
    ['with NUL in metadata', { metadata: { a: '\0' } }, 'metadata'],
  ])('%s is malformed', async (_, fields, field) => {
    const error = await errorOf(api.transfer({ ...good(), ...fields }));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [field] });
    expect(error.message).toContain(field);
  });

  test('to its own debit account is malformed', async () => {
    const error = await errorOf(api.transfer({ ...good(), creditAccountId: alice }));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['credit_account_id'] });
  });

  test('that is empty is refused with every missing field', async () => {
    const error = await errorOf(api.transfer({}));
    expect(new Set(error.fields)).toEqual(
      new Set(['idempotency_key', 'debit_account_id', 'credit_account_id', 'amount']),
    );
  });

  test.each<[string, () => Partial<CreateTransferRequest>, Reason]>([
    [
      'from an unknown account',
      () => ({ debitAccountId: accountId(1, 4711) }),
      Reason.DEBIT_ACCOUNT_NOT_FOUND,
    ],
    [
      'to an unknown account',
      () => ({ creditAccountId: accountId(1, 4711) }),
      Reason.CREDIT_ACCOUNT_NOT_FOUND,
    ],
    [
      'to an unknown book',
      () => ({ creditAccountId: accountId(77, 1) }),
      Reason.CREDIT_ACCOUNT_NOT_FOUND,
    ],
    ['of the largest amount', () => ({ amount: MAX }), Reason.OVERFLOW],
    ['of another asset', () => ({ creditAccountId: dollars }), Reason.ASSET_MISMATCH],
    ['that names another asset', () => ({ asset: 'USD' }), Reason.ASSET_MISMATCH],
    [
      'of more than the payer has',
      () => ({ debitAccountId: bob, creditAccountId: alice, amount: 10n ** 9n }),
      Reason.INSUFFICIENT_FUNDS,
    ],
  ])('%s is rejected, which is an answer and no error', async (_, fields, reason) => {
    const request = { ...good(), ...fields() };
    const answer = await api.transfer(request);
    expect(answer).toMatchObject({ status: TransferStatus.REJECTED, reason, replayed: false });
    expect(await api.transfer(request)).toEqual({ ...answer, replayed: true });
  });

  test.each<[string, () => bigint, Reason]>([
    ['an unknown account', () => accountId(2, 4711), Reason.CREDIT_ACCOUNT_NOT_FOUND],
    ['an account of another asset', () => awayDollars, Reason.ASSET_MISMATCH],
  ])('to %s of another book comes back', async (_, payee, reason) => {
    const request = { ...good(), creditAccountId: payee() };
    const answer = await api.transfer(request);
    expect(answer).toMatchObject({ status: TransferStatus.RETURNED, reason });
    expect(await api.transfer(request)).toEqual({ ...answer, replayed: true });
  });

  // A name with a special meaning in JavaScript objects must not be lost: otherwise two requests
  // that differ in it would count as the same.
  test('keeps every name in its metadata, "__proto__" too, or refuses it', async () => {
    const metadata: Record<string, string> = {};
    Object.defineProperty(metadata, '__proto__', { value: 'x', enumerable: true });
    const message = CreateTransferRequest.encode({
      ...CreateTransferRequest.fromPartial({ ...good(), idempotencyKey: 'proto' }),
      metadata,
    }).finish();
    const answer = await rawCall(
      router,
      '/meridian.v1.LedgerService/CreateTransfer',
      frame(message),
    );
    const sql = connect(cluster.regions[0]?.adminUrl ?? '', 1);
    const rows = await sql`SELECT metadata->>'__proto__' AS value FROM journal WHERE key = 'proto'`;
    await sql.end();
    expect([answer, rows[0]?.['value']]).toEqual(
      answer === 'grpc-status 0' ? [answer, 'x'] : ['grpc-status 3', undefined],
    );
  });
});

describe('many transfers in one call', () => {
  test('8,000 are accepted', async () => {
    const transfers = Array.from({ length: 8000 }, () => good());
    const { results } = await api.transfers(transfers, 60_000);
    expect(results).toHaveLength(8000);
    expect(results.every(({ status }) => status === TransferStatus.POSTED)).toBe(true);
    const seqs = results.map(({ position }) => position?.seq ?? 0n);
    expect(seqs).toEqual(seqs.toSorted((a, b) => Number(a - b)));
  });

  test.each([0, 8001])('%d are refused', async (length) => {
    const error = await errorOf(api.transfers(Array.from({ length }, () => good())));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['transfers'] });
  });

  test('a malformed one is reported by its index, and none is applied', async () => {
    const transfers = [good(), good(), { ...good(), amount: 0n }, good()];
    const error = await errorOf(api.transfers(transfers));
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['transfers[2].amount'] });
    for (const { idempotencyKey = '' } of transfers) {
      expect(await api.whatBecameOf(idempotencyKey)).toMatchObject({ found: false });
    }
  });

  test('one from an unknown book is reported by its index', async () => {
    const transfers = [good(), { ...good(), debitAccountId: accountId(77, 1) }];
    const error = await errorOf(api.transfers(transfers));
    expect(error.fields).toEqual(['transfers[1].debit_account_id']);
  });

  test('a message of 80 megabytes is refused, by name', async () => {
    const huge = { ...good(), reference: 'r'.repeat(80 * 1024 * 1024) };
    expect(await errorOf(api.transfers([huge], 30_000))).toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
    });
  });
});

describe('opening accounts', () => {
  test.each<[string, Partial<OpenAccountRequest>, string]>([
    ['without an external id', { externalId: '' }, 'external_id'],
    ['with an external id of 129 characters', { externalId: 'x'.repeat(129) }, 'external_id'],
    ['with NUL in its external id', { externalId: 'a\0b' }, 'external_id'],
    ['with a name of the ledger', { externalId: 'transit:x' }, 'external_id'],
    ['without an asset', { asset: '' }, 'asset'],
    ['in an unknown region', { homeRegion: 'mars' }, 'home_region'],
    ['in no region', { homeRegion: '' }, 'home_region'],
    ['with limits that exclude zero', { min: { $case: 'minBalance', value: 1n } }, 'min_balance'],
    ['with a negative upper limit', { max: { $case: 'maxBalance', value: -1n } }, 'max_balance'],
    ['with too much metadata', { metadata: pairs(17) }, 'metadata'],
  ])('%s is malformed', async (_, fields, field) => {
    const request = { externalId: 'new', homeRegion: 'eu-west', asset: 'EUR', ...fields };
    expect(await errorOf(api.open(request))).toMatchObject({
      code: 'INVALID_ARGUMENT',
      fields: [field],
    });
  });

  test('the same name with other fields is refused with the name of the field', async () => {
    const request = { externalId: 'alice', homeRegion: 'eu-west', asset: 'USD' };
    expect(await api.open(request)).toMatchObject({ account: undefined, differingField: 'asset' });
  });

  test.each([0, 8001])('%d in one call are refused', async (length) => {
    const fields = { homeRegion: 'eu-west', asset: 'EUR' };
    const accounts = Array.from({ length }, (_, index) => ({
      externalId: `n ${index}`,
      ...fields,
    }));
    const request = OpenAccountsRequest.fromPartial({ accounts });
    const call = api.call((stub, ...rest) => stub.openAccounts(request, ...rest));
    expect(await errorOf(call)).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['accounts'] });
  });
});

describe('reading', () => {
  test.each<[string, bigint]>([
    ['zero', 0n],
    ['a negative number', -1n],
    ['a number without a book', 17n],
    ['an unknown book', accountId(77, 1)],
    ['a book', 2n ** 48n],
  ])('an account by %s is malformed', async (_, id) => {
    const get = api.call((stub, ...rest) =>
      stub.getAccount(GetAccountRequest.fromPartial({ id }), ...rest),
    );
    expect(await errorOf(get)).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['id'] });
    const request = {
      accountId: id,
      pageSize: 0,
      pageToken: '',
      newestFirst: false,
      options: undefined,
    };
    const list = api.call((stub, ...rest) => stub.listEntries(request, ...rest));
    expect(await errorOf(list)).toMatchObject({ code: 'INVALID_ARGUMENT', fields: ['account_id'] });
  });

  test('an unknown account is not found', async () => {
    const id = accountId(1, 4711);
    const get = api.call((stub, ...rest) =>
      stub.getAccount(GetAccountRequest.fromPartial({ id }), ...rest),
    );
    expect(await errorOf(get)).toMatchObject({ code: 'NOT_FOUND', reason: 'ACCOUNT_NOT_FOUND' });
    const request = {
      accountId: id,
      pageSize: 0,
      pageToken: '',
      newestFirst: false,
      options: undefined,
    };
    const list = api.call((stub, ...rest) => stub.listEntries(request, ...rest));
    expect(await errorOf(list)).toMatchObject({ code: 'NOT_FOUND', reason: 'ACCOUNT_NOT_FOUND' });
  });

  test.each<[string, number, string, string]>([
    ['a page of -1', -1, '', 'page_size'],
    ['a page of 1,001', 1001, '', 'page_size'],
    ['garbage as token', 0, 'garbage', 'page_token'],
    [
      'a token with a number beyond 64 bits',
      0,
      token('0123456789abcdef 9999999999999999999'),
      'page_token',
    ],
    ['a token in another alphabet', 0, '%%%', 'page_token'],
  ])('%s is malformed', async (_, pageSize, pageToken, field) => {
    const entries = {
      accountId: alice,
      pageSize,
      pageToken,
      newestFirst: false,
      options: undefined,
    };
    const list = api.call((stub, ...rest) => stub.listEntries(entries, ...rest));
    expect(await errorOf(list)).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [field] });
    const accounts = { homeRegion: 'eu-west', pageSize, pageToken };
    const listed = api.call((stub, ...rest) => stub.listAccounts(accounts, ...rest));
    expect(await errorOf(listed)).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [field] });
  });

  test('the accounts of no region, or by the token of another one, are refused', async () => {
    const anyPage = { pageSize: 0, pageToken: '' };
    for (const [homeRegion, pageToken, field] of [
      ['mars', '', 'home_region'],
      ['', '', 'home_region'],
      ['eu-west', accountPages({ ...anyPage, homeRegion: 'us-east' }).token([away]), 'page_token'],
      ['eu-west', accountPages({ ...anyPage, homeRegion: 'eu-west' }).token([away]), 'page_token'],
    ] as const) {
      const request = { homeRegion, pageSize: 0, pageToken };
      const list = api.call((stub, ...rest) => stub.listAccounts(request, ...rest));
      expect(await errorOf(list)).toMatchObject({ code: 'INVALID_ARGUMENT', fields: [field] });
    }
  });

  test.each<[string, string]>([
    ['an empty name', ''],
    ['a name with NUL', 'a\0b'],
  ])('an account by %s is malformed', async (_, externalId) => {
    const request = { externalId, homeRegion: '' };
    const find = api.call((stub, ...rest) => stub.findAccounts(request, ...rest));
    expect(await errorOf(find)).toMatchObject({
      code: 'INVALID_ARGUMENT',
      fields: ['external_id'],
    });
  });

  test('a look-up of a transfer without an id or key, or with an invalid id, is malformed', async () => {
    for (const by of [
      undefined,
      { $case: 'idempotencyKey', value: '' } as const,
      { $case: 'transferId', value: 'no-uuid' } as const,
      { $case: 'transferId', value: '' } as const,
    ]) {
      const request = { by, namespace: '', debitAccountId: 0n, options: undefined };
      const get = api.call((stub, ...rest) => stub.getTransfer(request, ...rest));
      expect(await errorOf(get)).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    const wrong = api.whatBecameOf('key 1', accountId(77, 1));
    expect(await errorOf(wrong)).toMatchObject({ fields: ['debit_account_id'] });
  });

  test('an unused key, however odd, was never seen', async () => {
    for (const key of ['never', ' ', 'k'.repeat(128), '\u{1f4b6}']) {
      const answer = await api.whatBecameOf(key);
      expect(answer).toMatchObject({ found: false, transfer: undefined });
      expect(answer.positions).toHaveLength(3);
    }
  });

  test('a key that no client could have used is malformed', async () => {
    for (const key of ['a\0b', 'k'.repeat(129), '\uFFFD']) {
      expect(await errorOf(api.whatBecameOf(key))).toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
  });
});

describe('bytes that are not a request', () => {
  test('a raw call with a proper message works', async () => {
    expect(await rawCall(router, method, frame(wellFormed()))).toBe('grpc-status 0');
  });

  test.each<[string, () => Uint8Array]>([
    ['nothing', () => new Uint8Array()],
    ['half a header', () => frame(wellFormed()).subarray(0, 3)],
    ['a truncated message', () => frame(wellFormed()).subarray(0, 20)],
    ['less than the header states', () => frame(wellFormed(), wellFormed().length + 10)],
    ['a message of four gigabytes', () => frame(wellFormed(), 2 ** 32 - 1)],
    ['a message cut in a field', () => frame(wellFormed().subarray(0, wellFormed().length - 1))],
    ['a text longer than the message', () => frame(rawField(1, 2, [0xff, 0xff, 0x03, 0x41]))],
    ['a wire type that does not exist', () => frame(rawField(1, 7, [1]))],
    ['a number without an end', () => frame(rawField(5, 0, Array<number>(11).fill(0xff)))],
    [
      'random bytes',
      () => frame(Uint8Array.from({ length: 64 }, (_, at) => (at * 167 + 13) % 256)),
    ],
    [
      'text that is not UTF-8',
      () => frame(Buffer.concat([wellFormed(), rawField(8, 2, [2, 0xc3, 0x28])])),
    ],
    [
      'two messages where one is due',
      () => Buffer.concat([frame(wellFormed()), frame(wellFormed())]),
    ],
  ])('%s is refused with a status', async (_, body) => {
    const answer = await rawCall(router, method, body());
    expect(answer).toMatch(/^grpc-status ([1-9]|1[0-6])$/u);
  });

  test.each(['gzip', 'deflate', 'snappy'])(
    'a message that is not valid %s is refused',
    async (encoding) => {
      const body = frame(wellFormed(), wellFormed().length, 1);
      expect(await rawCall(router, method, body, encoding)).toMatch(
        /^grpc-status ([1-9]|1[0-6])$/u,
      );
    },
  );

  test.each(['half a header', 'a truncated message', 'less than the header states'])(
    '%s is malformed',
    async (what) => {
      const cut = {
        'half a header': 3,
        'a truncated message': 20,
        'less than the header states': 1e6,
      };
      const body = frame(wellFormed(), wellFormed().length + 10).subarray(
        0,
        Reflect.get(cut, what),
      );
      expect(await rawCall(router, method, body)).toBe('grpc-status 3');
    },
  );

  const items = Buffer.alloc(2_000_000, Uint8Array.of(0x0a, 0));
  test.each<[string, string, () => Buffer]>([
    ['a million openings', 'OpenAccounts', () => frame(items)],
    ['a few kilobytes of them', 'OpenAccounts', () => frame(gzipSync(items), undefined, 1)],
    ['groups in groups', 'GetAccount', () => frame(Buffer.alloc(1_000_000, 0x0b))],
  ])('%s are refused at once, by routers and ledger servers', async (_, name, body) => {
    const ledger = cluster.regions[0]?.ledgerAddress ?? '';
    for (const [address, service] of [
      [router, 'meridian.v1.LedgerService'],
      [ledger, 'meridian.internal.v1.BookService'],
    ] as const) {
      // The fastest of three: a busy machine may interrupt each.
      const tookMs: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const began = performance.now();
        const answer = await rawCall(address, `/${service}/${name}`, body(), 'gzip');
        expect(answer).toMatch(/^grpc-status [38]$/u);
        tookMs.push(performance.now() - began);
      }
      expect(Math.min(...tookMs)).toBeLessThan(1_000);
    }
  });

  test('an unknown method is not implemented', async () => {
    const answer = await rawCall(router, '/meridian.v1.LedgerService/Steal', frame(wellFormed()));
    expect(answer).toBe('grpc-status 12');
  });

  test('garbage on the socket ends only that connection', async () => {
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    for (const text of [
      'GET / HTTP/1.1\r\n\r\n',
      '\0\0\0\0',
      'x'.repeat(100_000),
      preface,
      `${preface}${'\xff'.repeat(1000)}`,
      `${preface}\0\0\x04\x04\0\0\0\0\0abcd`,
      `${preface}\0\xff\xff\0\0\0\0\0\x01`,
    ]) {
      await rawBytes(router, Buffer.from(text, 'latin1'));
    }
    expect((await api.transfer(good())).status).toBe(TransferStatus.POSTED);
  });
});

test('after all these requests no process has been restarted', async () => {
  for (const name of cluster.processes.names()) {
    expect([name, cluster.processes.starts(name), cluster.processes.state(name)]).toEqual([
      name,
      1,
      'ready',
    ]);
  }
  expect((await api.transfer({ ...good(), creditAccountId: away })).status).toBe(
    TransferStatus.POSTED,
  );
});
