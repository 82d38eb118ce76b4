import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import path from 'node:path';
import {
  type ChannelCredentials,
  makeClientConstructor,
  Metadata,
  status as Code,
} from '@grpc/grpc-js';
import { must } from '../../../ledger/core/assert.ts';
import { service as healthService } from 'grpc-health-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insecureLinks } from '../../../ledger/rpc/tls/credentials.ts';
import {
  BookServiceClient,
  LocateAccountRequest,
} from '../../../proto/gen/meridian/internal/v1/book.ts';
import { accountId } from '../../../ledger/core/account-id.ts';
import {
  GetAccountRequest,
  type GetAccountResponse,
  type ListAccountsResponse,
} from '../../../proto/gen/meridian/v1/account.ts';
import { type Entry, type ListEntriesResponse } from '../../../proto/gen/meridian/v1/query.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  TransferStatus,
  Wait,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { type Cluster, startCluster } from '../../supervisor/embedded/embedded-cluster.ts';
import { ListBooksRequest } from '../../../proto/gen/meridian/v1/book.ts';
import { LedgerServiceClient } from '../../../proto/gen/meridian/v1/ledger.ts';
import { findFreeBase } from '../../processes/ports.ts';
import { Api, ApiError } from '../../testing/api-client.ts';
import { ReflectedClient, reflect } from './reflection-client.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { channelTo, DEMO_SERVICE, linksAs } from '../../links/known-links.ts';
import { pkiOf } from '../../pki/installation-pki.ts';

/** The public API as its callers see it, through real routers to real ledger servers. */

const folder = temporaryFolder();
let cluster: Cluster;
let routers: string[] = [];
let apis: Api[] = [];
let eu: Api;
let alice = 0n;
let bob = 0n;
let away = 0n;

beforeAll(async () => {
  const dataDir = path.join(folder(), 'data');
  cluster = await startCluster({ dataDir, basePort: await findFreeBase() });
  routers = cluster.regions.map(({ routerAddress }) => routerAddress);
  apis = routers.map((address) => new Api(address));
  const [first] = apis;
  if (first === undefined) throw new Error('there are three regions');
  eu = first;
  alice = await eu.account('alice');
  bob = await eu.account('bob');
  away = await eu.account('away', {
    homeRegion: 'us-east',
    max: { $case: 'maxBalance', value: 1_000_000n },
  });
});

afterAll(async () => {
  for (const api of apis) api.close();
  await cluster?.stop();
});

const { POSTED, IN_TRANSIT, REJECTED, RETURNED } = TransferStatus;
const router = () => routers[0] ?? '';

/** A transfer, by default of one cent from Alice to Bob. */
const transfer = (idempotencyKey: string, fields: Partial<CreateTransferRequest> = {}) => ({
  idempotencyKey,
  debitAccountId: alice,
  creditAccountId: bob,
  amount: 1n,
  ...fields,
});

async function balanceOf(id: bigint): Promise<bigint | undefined> {
  const call = eu.call<GetAccountResponse>((stub, ...rest) =>
    stub.getAccount(GetAccountRequest.fromPartial({ id }), ...rest),
  );
  return (await call).account?.balance;
}

describe('a client without generated code', () => {
  const LEDGER = 'meridian.v1.LedgerService';

  test('gets the list of services', async () => {
    const { list_services_response } = await reflect(router(), { list_services: '' });
    const names = list_services_response?.service.map(({ name }) => name) ?? [];
    expect(names).toEqual(expect.arrayContaining([LEDGER, 'grpc.health.v1.Health']));
    expect(names.filter((name) => name.includes('internal'))).toEqual([]);
  });

  test('gets every file it needs, as a compiler would have written it', async () => {
    const reply = await reflect(router(), { file_containing_symbol: LEDGER });
    const files = reply.file_descriptor_response?.file_descriptor_proto ?? [];
    const text = files.map((file) => file.toString('latin1'));
    const names = text.map((file) => /[a-z0-9_/]+\.proto/u.exec(file)?.[0]);
    expect(names[0]).toBe('meridian/v1/ledger.proto');
    expect(names).toContain('google/protobuf/timestamp.proto');
    expect(new Set(names).size).toBe(names.length);
    expect(text[names.indexOf('meridian/v1/transfer.proto')]).toContain(
      '.meridian.v1.CreateTransferRequest.MetadataEntry',
    );
  });

  test.each([LEDGER, 'grpc.health.v1.Health'])('can link %s strictly', async (service) => {
    const files = new Map<string, FileDescriptorProto>();
    const ask = async (question: object) => {
      const reply = await reflect(router(), question);
      for (const bytes of reply.file_descriptor_response?.file_descriptor_proto ?? []) {
        const file = fromBinary(FileDescriptorProtoSchema, bytes);
        files.set(file.name, file);
      }
    };
    await ask({ file_containing_symbol: service });
    // A server may leave out what is imported; a client then asks for it by name.
    for (const file of files.values()) {
      for (const name of file.dependency) {
        if (!files.has(name)) await ask({ file_by_filename: name });
      }
    }
    // Each after its imports, as a strict linker requires.
    const sorted = new Set<FileDescriptorProto>();
    const add = (file: FileDescriptorProto) => {
      for (const name of file.dependency) add(must(files.get(name), name));
      sorted.add(file);
    };
    for (const file of files.values()) add(file);
    const linked = createFileRegistry(create(FileDescriptorSetSchema, { file: [...sorted] }));
    expect(linked.getService(service)?.methods.length).toBeGreaterThan(1);
  });

  test('gets an error for a symbol that does not exist', async () => {
    const reply = await reflect(router(), { file_containing_symbol: 'meridian.v1.Nothing' });
    expect(reply.error_response?.error_code).toBe(5);
  });

  test('makes a transfer from reflection alone', async () => {
    const client = await ReflectedClient.of(router(), LEDGER);
    const open = client.call('OpenAccount');
    const place = { home_region: 'eu-west', asset: 'EUR', no_min_balance: true };
    const payer: unknown = (await open({ external_id: 'payer', ...place }))['account'];
    const payee: unknown = (await open({ external_id: 'payee', ...place }))['account'];
    const result = await client.call('CreateTransfer')({
      idempotency_key: '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b',
      debit_account_id: idOf(payer),
      credit_account_id: idOf(payee),
      amount: '9223372036854775807',
      // A client made from descriptors alone sees a map as it is on the wire.
      metadata: [{ key: '中', value: '文' }],
    });
    expect(result).toMatchObject({
      transfer_id: '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b',
      status: 'TRANSFER_STATUS_REJECTED',
      reason: 'REASON_OVERFLOW',
    });
    const small = await client.call('CreateTransfer')({
      idempotency_key: 'small',
      debit_account_id: idOf(payer),
      credit_account_id: idOf(payee),
      amount: 12,
    });
    expect(small).toMatchObject({ status: 'TRANSFER_STATUS_POSTED', replayed: false });
    const { account } = await client.call('GetAccount')({ id: idOf(payee) });
    expect(account).toMatchObject({ balance: '12', external_id: 'payee', home_region: 'eu-west' });
    client.close();
  });
});

function idOf(account: unknown): string {
  if (typeof account !== 'object' || account === null || !('id' in account)) throw new Error('id');
  return String(account.id);
}

test.each(['', 'meridian.v1.LedgerService'])('the health of %j is reported', async (service) => {
  const Health = makeClientConstructor(healthService, 'Health');
  for (const address of routers) {
    const client = new Health(address, channelTo(address, 'router'));
    const check: unknown = client['check'];
    if (typeof check !== 'function') throw new Error('health checking has another method');
    const asked = (name: string) =>
      new Promise((resolve) => {
        const done = (error: unknown, reply: unknown) => resolve(error ?? reply);
        Reflect.apply(check, client, [{ service: name }, done]);
      });
    expect(await asked(service)).toMatchObject({ status: 'SERVING' });
    expect(await asked('nothing')).toMatchObject({ code: 5 });
    client.close();
  }
});

/** The code of the error of a call to a ledger server. */
function locate(address: string, credentials: ChannelCredentials) {
  return new Promise<number | undefined>((resolve) => {
    const client = new BookServiceClient(address, credentials);
    const options = { deadline: Date.now() + 5_000 };
    client.locateAccount(LocateAccountRequest.create(), new Metadata(), options, (error) => {
      client.close();
      resolve(error?.code);
    });
  });
}

test('no server answers in plain text, and a ledger server none but its own installation', async () => {
  const servers = [...routers, ...cluster.books.map(({ ledgerAddress }) => ledgerAddress)];
  for (const address of servers) {
    expect(await locate(address, insecureLinks.channelTo('server'))).toBe(Code.UNAVAILABLE);
  }
  const demo = linksAs(pkiOf(cluster.dataDir), DEMO_SERVICE).channelTo('ledger');
  for (const { ledgerAddress } of cluster.books) {
    expect(await locate(ledgerAddress, demo)).toBe(Code.PERMISSION_DENIED);
  }
});

test('a router serves none whose identity the policy grants no role', async () => {
  const [router = ''] = routers;
  const asRouter = linksAs(pkiOf(cluster.dataDir), { kind: 'router', region: 'eu-west' });
  const client = new LedgerServiceClient(router, asRouter.channelTo('router'));
  const code = await new Promise((resolve) => {
    const options = { deadline: Date.now() + 5_000 };
    client.listBooks(ListBooksRequest.create(), new Metadata(), options, (error) =>
      resolve(error?.code),
    );
  });
  client.close();
  expect(code).toBe(Code.PERMISSION_DENIED);
});

describe('a transfer can be asked for', () => {
  test('in each of its final states', async () => {
    await eu.transfer(transfer('posted'));
    await eu.transfer(transfer('rejected', { creditAccountId: accountId(1, 4711) }));
    await eu.transfer(transfer('settled', { creditAccountId: away, namespace: 'shop' }));
    await eu.transfer(transfer('returned', { creditAccountId: away, amount: 1_000_001n }));
    const state = async (key: string, namespace = '', payer = 0n) => {
      const { found, transfer: it } = await eu.whatBecameOf(key, payer, namespace);
      return [found, it?.status, it?.reason];
    };
    expect(await state('posted')).toEqual([true, POSTED, Reason.UNSPECIFIED]);
    expect(await state('posted', '', alice)).toEqual([true, POSTED, Reason.UNSPECIFIED]);
    expect(await state('posted', '', away)).toEqual([false, undefined, undefined]);
    expect(await state('rejected')).toEqual([true, REJECTED, Reason.CREDIT_ACCOUNT_NOT_FOUND]);
    expect(await state('settled', 'shop')).toEqual([true, POSTED, Reason.UNSPECIFIED]);
    expect(await state('settled')).toEqual([false, undefined, undefined]);
    expect(await state('returned')).toEqual([true, RETURNED, Reason.MAX_BALANCE_EXCEEDED]);
    expect(await state('never')).toEqual([false, undefined, undefined]);
  });

  test('by its id, which is that of every router', async () => {
    const made = await eu.transfer(transfer('by id', { reference: 'x', metadata: { a: 'b' } }));
    const by = { $case: 'transferId', value: made.transferId } as const;
    for (const api of apis) {
      const request = { by, namespace: '', debitAccountId: 0n, options: undefined };
      const found = await api.call((stub, ...rest) => stub.getTransfer(request, ...rest));
      expect(found).toMatchObject({
        found: true,
        transfer: {
          idempotencyKey: 'by id',
          debitAccountId: alice,
          creditAccountId: bob,
          reference: 'x',
          metadata: { a: 'b' },
          position: made.position,
          decidedAt: made.decidedAt,
        },
      });
    }
  });
});

test('entries are paged forward and backward, and pages do not overlap', async () => {
  const id = await eu.account('paged');
  const all = Array.from({ length: 25 }, (_, at) =>
    transfer(`paged ${at}`, { creditAccountId: id, amount: BigInt(at + 1) }),
  );
  await eu.transfers(all);
  const pages = async (newestFirst: boolean, pageSize: number) => {
    const found: Entry[][] = [];
    let pageToken = '';
    do {
      const request = { accountId: id, pageSize, pageToken, newestFirst, options: undefined };
      const page = await eu.call<ListEntriesResponse>((stub, ...rest) =>
        stub.listEntries(request, ...rest),
      );
      found.push(page.entries);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return found;
  };
  const forward = await pages(false, 10);
  expect(forward.map(({ length }) => length)).toEqual([10, 10, 5]);
  const entries = forward.flat();
  expect(entries.map(({ version }) => version)).toEqual(all.map((_, at) => BigInt(at + 1)));
  let balance = 0n;
  for (const entry of entries) {
    balance += entry.amount;
    expect(entry.balanceAfter).toBe(balance);
  }
  const backward = await pages(true, 7);
  expect(backward.map(({ length }) => length)).toEqual([7, 7, 7, 4]);
  expect(backward.flat().toReversed()).toEqual(entries);
  expect((await pages(false, 25)).flat()).toHaveLength(25);
});

test('accounts are listed in the order of their opening, without the ledger’s own', async () => {
  const names: string[] = [];
  let pageToken = '';
  do {
    const request = { homeRegion: 'us-east', pageSize: 1, pageToken };
    const page = await eu.call<ListAccountsResponse>((stub, ...rest) =>
      stub.listAccounts(request, ...rest),
    );
    names.push(...page.accounts.map(({ externalId }) => externalId));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(names).toEqual(['away']);
});

test('of concurrent calls with one key on different routers one posts, the others replay', async () => {
  const before = (await balanceOf(bob)) ?? 0n;
  const keys = Array.from({ length: 60 }, (_, at) => `at once ${at}`);
  const calls = apis.flatMap((api) => [
    ...keys.map((key) => api.transfer(transfer(key))),
    api.transfers(keys.toReversed().map((key) => transfer(key, { wait: Wait.POSTED }))),
  ]);
  const answers: CreateTransferResponse[] = (await Promise.all(calls)).flatMap((answer) =>
    'results' in answer ? answer.results : [answer],
  );
  expect(answers).toHaveLength(60 * 6);
  expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(60);
  const outcomes = answers.map(({ transferId, position }) => `${transferId} ${position?.seq}`);
  expect(new Set(outcomes).size).toBe(60);
  expect(await balanceOf(bob)).toBe(before + 60n);
});

/** The answer of a call that must come before its deadline: on a busy machine one of three does. */
async function inTime<T>(call: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await call(attempt);
    } catch (error) {
      const isLate = error instanceof ApiError && error.code === 'DEADLINE_EXCEEDED';
      if (attempt === 2 || !isLate) throw error;
    }
  }
}

/** Sends a transfer that is to wait no longer than it must. Returns its key. */
async function expectWaiting(attempt: number): Promise<string> {
  const key = `hanging ${attempt}`;
  const began = performance.now();
  const answer = await eu.transfer(transfer(key, { creditAccountId: away }), 1_500);
  expect(performance.now() - began).toBeGreaterThan(1_000);
  expect(answer).toMatchObject({ status: IN_TRANSIT, replayed: false });
  return key;
}

/** The keys of three transfers that do not wait, of which the fastest is quick. */
async function expectNotWaiting(): Promise<string[]> {
  const keys = [0, 1, 2].map((attempt) => `not waiting ${attempt}`);
  const tookMs: number[] = [];
  for (const key of keys) {
    const began = performance.now();
    const fields = { creditAccountId: away, wait: Wait.POSTED };
    expect((await eu.transfer(transfer(key, fields), 5_000)).status).toBe(IN_TRANSIT);
    tookMs.push(performance.now() - began);
  }
  expect(Math.min(...tookMs)).toBeLessThan(1_000);
  return keys;
}

describe('while the payee’s ledger server hangs', () => {
  test('the payer gets IN_TRANSIT in time, and the rest follows when it resumes', async () => {
    const posted = await eu.transfer(transfer('wait posted', { creditAccountId: away, wait: 2 }));
    expect([POSTED, IN_TRANSIT]).toContain(posted.status);
    const keys = ['wait posted'];
    let hanging: string;
    cluster.processes.kill('us-east/ledger', 'SIGSTOP');
    try {
      hanging = await inTime(expectWaiting);
      keys.push(hanging, ...(await expectNotWaiting()));
      const asked = await eu.whatBecameOf(hanging, alice);
      expect(asked.transfer).toMatchObject({ status: IN_TRANSIT });
      // Transfers within the payer's book continue.
      expect((await eu.transfer(transfer('inside'))).status).toBe(POSTED);
      let mixedFar = '';
      const mixed = await inTime((attempt) => {
        const far = transfer(`mixed far ${attempt}`, { creditAccountId: away });
        mixedFar = far.idempotencyKey;
        return eu.transfers([transfer(`mixed ${attempt}`), far, transfer('inside')], 1_500);
      });
      expect(mixed.results.map(({ status }) => status)).toEqual([POSTED, IN_TRANSIT, POSTED]);
      keys.push(mixedFar);
      // A payment out of the book that hangs gets the truth: its outcome is unknown.
      const unknown = transfer('out of it', { debitAccountId: away, creditAccountId: alice });
      const failure = () =>
        eu
          .transfer(unknown, 1_000)
          .catch((error: unknown) => error instanceof ApiError && [error.code, error.reason]);
      await expect.poll(failure).toEqual(['DEADLINE_EXCEEDED', 'OUTCOME_UNKNOWN']);
    } finally {
      cluster.processes.kill('us-east/ledger', 'SIGCONT');
    }
    for (const key of keys) {
      const status = async () => (await eu.whatBecameOf(key, alice)).transfer?.status;
      await expect.poll(status).toBe(POSTED);
    }
    const again = await eu.transfer(transfer(hanging, { creditAccountId: away }));
    expect(again).toMatchObject({ status: POSTED, replayed: true });
    const out = transfer('out of it', { debitAccountId: away, creditAccountId: alice });
    const first = await eu.transfer(out);
    expect(await eu.transfer(out)).toEqual({ ...first, replayed: true });
  });
});

// No request may stop a book or a channel for other callers.
describe('no caller can hold up the others', () => {
  test('with the transit account as payee', async () => {
    const transits = cluster.regions.length + 5;
    for (let number = 1; number <= transits; number += 1) {
      const creditAccountId = accountId(2, number);
      await eu.transfer(transfer(`to number ${number}`, { creditAccountId, wait: Wait.POSTED }));
    }
    const after = transfer('after the transit account', { creditAccountId: away });
    expect((await eu.transfer(after, 8_000)).status).toBe(POSTED);
  });

  test('with one key in two books whose payees are in a third', async () => {
    const far = await eu.account('far', { homeRegion: 'ap-south' });
    const other = await eu.account('other', { homeRegion: 'us-east' });
    for (const debitAccountId of [alice, other]) {
      const both = transfer('the same key', { debitAccountId, creditAccountId: far });
      expect(await eu.transfer(both, 8_000)).toMatchObject({ status: POSTED, replayed: false });
    }
    expect(cluster.processes.starts('ap-south/ledger')).toBe(1);
  });
});
