import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import {
  Metadata,
  type sendUnaryData,
  Server,
  type ServiceError,
  status as GrpcStatus,
} from '@grpc/grpc-js';
import { afterEach, describe, expect, test, vi } from 'vitest';

import { BadRequest, ErrorInfo, RetryInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import { LedgerServiceService } from '../../proto/gen/meridian/v1/ledger.ts';
import {
  CreateTransferRequest,
  CreateTransferResponse,
  type CreateTransfersRequest,
  CreateTransfersResponse,
  GetTransferRequest,
  TransferStatus,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { type ClientLimits, MeridianClient } from './client.ts';
import { CallError } from './call-error.ts';
import { insecureLinks } from '../../ledger/rpc/tls/credentials.ts';

type Answer = (request: CreateTransferRequest) => CreateTransferResponse | Partial<ServiceError>;

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A router that answers one transfer at a time as the test wants. Returns its address. */
async function routerThat(answer: Answer): Promise<string> {
  const server = new Server();
  server.addService(LedgerServiceService, {
    createTransfer: (
      call: { request: CreateTransferRequest },
      reply: sendUnaryData<CreateTransferResponse>,
    ) => {
      const result = answer(call.request);
      if ('transferId' in result) reply(null, result);
      else reply(result);
    },
    getTransfer: (_: unknown, reply: sendUnaryData<never>) => {
      reply(failure(GrpcStatus.UNKNOWN, 'broken', [retryAfter(120)]));
    },
    createTransfers: (
      { request: { transfers } }: { request: CreateTransfersRequest },
      reply: sendUnaryData<CreateTransfersResponse>,
    ) => {
      const result = answer(CreateTransferRequest.create(transfers[0]));
      if ('transferId' in result) reply(null, CreateTransfersResponse.create({ results: [{}] }));
      else reply(result);
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', insecureLinks.server(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  closers.push(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

/** A port that accepts connections and sends nothing. Returns its address. */
async function silentRouter(): Promise<string> {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  closers.push(() => silent.close());
  await once(silent, 'listening');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  return `127.0.0.1:${(silent.address() as AddressInfo).port}`;
}

function clientOf(addresses: string[], options: ClientLimits = {}): MeridianClient {
  const client = new MeridianClient(addresses, { timeoutMs: 5_000, ...options, insecure: true });
  closers.push(() => client.close());
  return client;
}

const posted = CreateTransferResponse.create({ status: TransferStatus.POSTED, transferId: 'id' });
const request = CreateTransferRequest.create({ idempotencyKey: 'key', amount: 1n });

interface DetailOf {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

function failure(
  code: GrpcStatus,
  message: string,
  details: DetailOf[] = [],
): Partial<ServiceError> {
  const metadata = new Metadata();
  const any = details.map(({ typeUrl, value }) => ({ typeUrl, value: Buffer.from(value) }));
  const status = Status.encode({ code, message, details: any }).finish();
  metadata.set('grpc-status-details-bin', Buffer.from(status));
  return { code, details: message, metadata };
}

/** What a router sends that wants the next attempt after this time. */
function retryAfter(seconds: number, nanos = 0): DetailOf {
  const value = RetryInfo.encode({ retryDelay: { seconds: BigInt(seconds), nanos } }).finish();
  return { typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value };
}

async function failureOf(call: Promise<unknown>): Promise<CallError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof CallError) return error;
  throw new Error('the call did not end in a failure', { cause: error });
}

describe('a retryable call is made again with the same key', () => {
  test.each([
    'UNAVAILABLE',
    'ABORTED',
    'RESOURCE_EXHAUSTED',
    'UNKNOWN',
    'DEADLINE_EXCEEDED',
  ] as const)('after %s', async (name) => {
    const keys: string[] = [];
    const code = GrpcStatus[name];
    const address = await routerThat(({ idempotencyKey }) => {
      keys.push(idempotencyKey);
      return keys.length < 3 ? failure(code, 'not now') : posted;
    });
    const answer = await clientOf([address]).createTransfer(request);
    expect(answer.status).toBe(TransferStatus.POSTED);
    expect(keys).toEqual(['key', 'key', 'key']);
  });

  test('by the next router when one cannot be reached', async () => {
    const address = await routerThat(() => posted);
    const retries: string[] = [];
    const onRetry = ({ code }: CallError) => retries.push(code);
    const client = clientOf(['127.0.0.1:1', address], { onRetry });
    expect(await client.createTransfer(request)).toEqual(posted);
    expect(retries).toEqual(['UNAVAILABLE']);
  });

  test('and not before the time that the router asks for', async () => {
    const times: number[] = [];
    const address = await routerThat(() => {
      times.push(performance.now());
      return times.length > 1
        ? posted
        : failure(GrpcStatus.RESOURCE_EXHAUSTED, 'full', [retryAfter(0, 300_000_000)]);
    });
    await clientOf([address]).createTransfer(request);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(300);
  });
});

describe('a failure states what it is', () => {
  test('of a malformed field, once and at once', async () => {
    let calls = 0;
    const violation = { field: 'amount', description: 'must be greater than zero', reason: '' };
    const value = BadRequest.encode(BadRequest.create({ fieldViolations: [violation] })).finish();
    const badRequest = { typeUrl: 'type.googleapis.com/google.rpc.BadRequest', value };
    const address = await routerThat(() => {
      calls += 1;
      return failure(GrpcStatus.INVALID_ARGUMENT, 'malformed', [badRequest]);
    });
    const found = await failureOf(clientOf([address]).createTransfer(request));
    expect(found).toMatchObject({ code: 'INVALID_ARGUMENT', outcome: 'not_applied' });
    expect(found.message).toBe('amount: must be greater than zero');
    expect(calls).toBe(1);
  });

  test('of an unknown outcome, even if a later attempt was certainly not applied', async () => {
    let calls = 0;
    const info = ErrorInfo.encode({ reason: 'OUTCOME_UNKNOWN', domain: '', metadata: {} }).finish();
    const errorInfo = { typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: info };
    const address = await routerThat(() => {
      calls += 1;
      const first = failure(GrpcStatus.UNKNOWN, 'commit lost', [errorInfo]);
      return calls === 1 ? first : failure(GrpcStatus.UNAVAILABLE, 'away', [retryAfter(120)]);
    });
    const client = clientOf([address], { timeoutMs: 60_000 });
    const found = await failureOf(client.createTransfer(request));
    expect(calls).toBe(2);
    expect(found).toMatchObject({ code: 'UNAVAILABLE', outcome: 'unknown' });
  });

  test.each([
    ['UNAVAILABLE', 'NO_LEADER', 2, 'unknown'],
    ['UNAVAILABLE', 'NO_LEADER', 1, 'not_applied'],
    ['INVALID_ARGUMENT', 'MALFORMED', 2, 'not_applied'],
  ] as const)('%s with %s of %i transfers: %s', async (name, reason, items, outcome) => {
    const value = ErrorInfo.encode({ reason, domain: '', metadata: {} }).finish();
    const errorInfo = { typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value };
    const details = [errorInfo, retryAfter(120)];
    const address = await routerThat(() => failure(GrpcStatus[name], 'not now', details));
    const client = clientOf([address], { timeoutMs: 60_000 });
    // Of several, others may be of a book that is led.
    const found = await failureOf(
      client.createTransfers(Array.from({ length: items }, () => request)),
    );
    expect(found).toMatchObject({ code: name, outcome });
  });

  test('of a router that cannot be reached', async () => {
    const found = await failureOf(clientOf(['127.0.0.1:1'], { timeoutMs: 2_000 }).listAssets({}));
    expect(found).toMatchObject({ code: 'UNAVAILABLE', outcome: 'not_applied' });
    expect(found.message).toMatch(/^127\.0\.0\.1:1: no connection, connect ECONNREFUSED/u);
  });

  test('of a router that cannot be reached, when the next one has no time to connect', async () => {
    const routers = ['127.0.0.1:1', await silentRouter()];
    const found = await failureOf(clientOf(routers, { timeoutMs: 2_000 }).createTransfer(request));
    expect(found).toMatchObject({ code: 'UNAVAILABLE', outcome: 'not_applied' });
    expect(found.message).toContain('ECONNREFUSED');
  });

  test('of the attempt before a pause of the process, after which no time is left', async () => {
    let calls = 0;
    const address = await routerThat(() => {
      calls += 1;
      return failure(GrpcStatus.UNAVAILABLE, 'away');
    });
    const resumedAt = performance.now() + 60_000;
    const onRetry = () => {
      const clock = vi.spyOn(performance, 'now').mockReturnValue(resumedAt);
      closers.push(() => clock.mockRestore());
    };
    const client = clientOf([address], { timeoutMs: 30_000, onRetry });
    const found = await failureOf(client.createTransfer(request));
    expect(found.code).toBe('UNAVAILABLE');
    expect(calls).toBe(1);
  });

  test('of a router that does not accept a connection: nothing was sent', async () => {
    const client = clientOf([await silentRouter()], { timeoutMs: 300 });
    const found = await failureOf(client.createTransfer(request));
    expect(found).toMatchObject({ code: 'DEADLINE_EXCEEDED', outcome: 'not_applied' });
    expect(found.message).toMatch(/: no connection within [\d.]+ s/u);
  });

  test('of a read, of which nothing can have been applied', async () => {
    const address = await routerThat(() => posted);
    const client = clientOf([address], { timeoutMs: 60_000 });
    const read = await failureOf(client.getTransfer(GetTransferRequest.create()));
    expect(read).toMatchObject({ code: 'UNKNOWN', outcome: 'not_applied' });
  });

  test('of an answer with items missing', async () => {
    const address = await routerThat(() => posted);
    const found = await failureOf(clientOf([address]).createTransfers([request, request]));
    expect(found.message).toContain('1 of 2 items');
  });

  test('of a trailer that is not google.rpc.Status: by its code alone', async () => {
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from([0xff, 0x01, 0x02]));
    const code = GrpcStatus.NOT_FOUND;
    const address = await routerThat(() => ({ code, details: 'no account', metadata }));
    const found = await failureOf(clientOf([address]).createTransfer(request));
    expect(found).toMatchObject({ code: 'NOT_FOUND', violations: [], reason: '' });
  });
});

test('an abort ends calls under way and the pause before the next attempt', async () => {
  const stop = new AbortController();
  const address = await routerThat(() => {
    setTimeout(() => stop.abort(), 20);
    return failure(GrpcStatus.UNAVAILABLE, 'not now');
  });
  const client = clientOf([address], { signal: stop.signal, timeoutMs: 60_000 });
  const startedAt = performance.now();
  await failureOf(client.createTransfer(request));
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});
