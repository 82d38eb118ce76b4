import { setTimeout as sleep } from 'node:timers/promises';
import {
  Metadata,
  type requestCallback,
  type sendUnaryData,
  Server,
  type ServerUnaryCall,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { afterEach, expect, test, vi } from 'vitest';
import { toCallError } from '../../../router/client/call-error.ts';
import { GetAccountRequest, GetAccountResponse } from '../../../proto/gen/meridian/v1/account.ts';
import {
  LedgerServiceClient,
  LedgerServiceService,
} from '../../../proto/gen/meridian/v1/ledger.ts';
import {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { Random } from '../../../ledger/core/random.ts';
import { type CallFault, CallFaults } from './call-faults.ts';
import { FaultyCalls } from './call-interceptor.ts';
import { insecureLinks } from '../../../ledger/rpc/tls/credentials.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface Answer {
  readonly error: ServiceError | null;
  readonly value: unknown;
}

function ask<T>(
  make: (options: { deadline: number }, reply: requestCallback<T>) => unknown,
  withinMs: number,
): Promise<Answer> {
  return new Promise((resolve) => {
    make({ deadline: Date.now() + withinMs }, (error, value) => resolve({ error, value }));
  });
}

/** A router on a real socket, and a client of it whose calls are subject to the fault. */
async function clientOf(fault: Partial<CallFault>) {
  const keys: string[] = [];
  let reads = 0;
  const server = new Server();
  server.addService(LedgerServiceService, {
    createTransfer: (
      { request }: ServerUnaryCall<CreateTransferRequest, CreateTransferResponse>,
      callback: sendUnaryData<CreateTransferResponse>,
    ) => {
      keys.push(request.idempotencyKey);
      callback(null, CreateTransferResponse.fromPartial({ transferId: request.idempotencyKey }));
    },
    getAccount: (_: unknown, callback: sendUnaryData<GetAccountResponse>) => {
      reads += 1;
      callback(null, GetAccountResponse.fromPartial({}));
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', insecureLinks.server(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const address = `127.0.0.1:${port}`;
  const plain = new LedgerServiceClient(address, insecureLinks.channelTo('router'));
  const faults = new CallFaults();
  const every = { router: undefined, share: 1, times: 1, upToMs: 0 };
  faults.add({ kind: 'repeat', ...every, ...fault });
  const copies: string[] = [];
  const calls = new FaultyCalls(faults, new Random(1), {
    routers: ['eu-west', 'us-east', 'ap-south'],
    client: () => plain,
    recorded: async (_, path, bytes) => {
      copies.push(path);
      const request = CreateTransferRequest.decode(bytes);
      await ask<CreateTransferResponse>(
        (options, reply) => plain.createTransfer(request, new Metadata(), options, reply),
        2_000,
      );
    },
  });
  const interceptors = [calls.interceptor('eu-west')];
  const client = new LedgerServiceClient(address, insecureLinks.channelTo('router'), {
    interceptors,
  });
  ends.push(() => {
    calls.close();
    client.close();
    plain.close();
    server.forceShutdown();
  });
  return {
    keys,
    copies,
    calls,
    readCount: () => reads,
    transfer: (idempotencyKey: string, withinMs = 2_000) =>
      ask<CreateTransferResponse>((options, reply) => {
        const request = CreateTransferRequest.fromPartial({ idempotencyKey });
        return client.createTransfer(request, new Metadata(), options, reply);
      }, withinMs),
    read: (withinMs = 2_000) =>
      ask<GetAccountResponse>((options, reply) => {
        return client.getAccount(GetAccountRequest.fromPartial({}), new Metadata(), options, reply);
      }, withinMs),
  };
}

/** The outcome as the client library derives it from the error. */
function outcomeOf({ error }: Answer): string {
  return error === null ? 'answered' : toCallError(error, '').outcome;
}

test('a lost request is never sent, and its caller gets an unknown outcome', async () => {
  const { transfer, keys, calls } = await clientOf({ kind: 'lose_request' });
  const results = await Promise.all(
    Array.from({ length: 8 }, (_, index) => transfer(`lost ${index}`, 200)),
  );
  expect(results.map(outcomeOf)).toEqual(results.map(() => 'unknown'));
  const codes = new Set(results.map(({ error }) => error?.code));
  expect(codes).toEqual(new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED]));
  expect(keys).toEqual([]);
  expect(calls.pending).toBe(0);
});

test('the request of a lost reply has arrived', async () => {
  const { transfer, keys } = await clientOf({ kind: 'lose_reply' });
  const results = await Promise.all(
    Array.from({ length: 8 }, (_, index) => transfer(`applied ${index}`, 2_000)),
  );
  expect(results.map(outcomeOf)).toEqual(results.map(() => 'unknown'));
  expect(keys.toSorted()).toEqual(results.map((_, index) => `applied ${index}`));
});

test('a repeated request arrives several times, and its caller gets the first answer', async () => {
  const { transfer, keys, copies, calls } = await clientOf({ times: 3, upToMs: 150 });
  expect(outcomeOf(await transfer('again'))).toBe('answered');
  await vi.waitFor(() => expect(calls.pending).toBe(0), { timeout: 10_000 });
  expect(keys.length).toBeGreaterThan(1);
  expect(keys.length).toBeLessThanOrEqual(4);
  expect(new Set(keys)).toEqual(new Set(['again']));
  // All but the first are calls of the run's own.
  expect(copies).toHaveLength(keys.length - 1);
  expect(new Set(copies)).toEqual(new Set(['/meridian.v1.LedgerService/CreateTransfer']));
});

test('a request that is held back arrives after its caller has given up', async () => {
  const { transfer, keys, calls } = await clientOf({ kind: 'hold_back', upToMs: 2_000 });
  const result = await transfer('late', 30);
  expect(result.error).toMatchObject({ code: status.DEADLINE_EXCEEDED });
  expect(keys).toEqual([]);
  expect(calls.pending).toBe(1);
  await vi.waitFor(() => expect(calls.pending).toBe(0), { timeout: 10_000 });
  expect(keys).toEqual(['late']);
});

test('a request that is held back for a moment is answered', async () => {
  const { transfer, keys } = await clientOf({ kind: 'hold_back', upToMs: 20 });
  expect((await transfer('soon')).value).toMatchObject({ transferId: 'soon' });
  expect(keys).toEqual(['soon']);
});

test('requests that are held back when the run ends are dropped', async () => {
  const { transfer, keys, calls } = await clientOf({ kind: 'hold_back', upToMs: 200 });
  await transfer('too late', 1);
  calls.close();
  expect(calls.pending).toBe(0);
  await sleep(250);
  expect(keys).toEqual([]);
});

test('reads are lost, never repeated or held back', async () => {
  const held = await clientOf({ kind: 'hold_back', upToMs: 60_000 });
  expect(outcomeOf(await held.read())).toBe('answered');
  const lost = await clientOf({ kind: 'lose_request' });
  expect(outcomeOf(await lost.read())).toBe('unknown');
  expect([held.readCount(), lost.readCount()]).toEqual([1, 0]);
});

test('calls through another router meet no fault', async () => {
  const { transfer } = await clientOf({ kind: 'lose_request', router: 'us-east' });
  expect(outcomeOf(await transfer('elsewhere'))).toBe('answered');
});
