import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Metadata, Server, type ServiceError, status as GrpcStatus } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { ErrorInfo } from '../../proto/gen/google/rpc/error_details.ts';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import { LedgerServiceClient, LedgerServiceService } from '../../proto/gen/meridian/v1/ledger.ts';
import { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { toCallError } from './call-error.ts';
import { insecureLinks } from '../../ledger/rpc/tls/credentials.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function errorOf(code: GrpcStatus, reason: string, details = 'no'): ServiceError {
  const metadata = new Metadata();
  if (reason !== '') {
    const value = ErrorInfo.encode({ reason, domain: 'meridian', metadata: {} }).finish();
    const info = { typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: Buffer.from(value) };
    const bytes = Status.encode({ code, message: details, details: [info] }).finish();
    metadata.set('grpc-status-details-bin', Buffer.from(bytes));
  }
  return Object.assign(new Error(details), { code, details, metadata });
}

const UNCONNECTED = 'Deadline exceeded after 1.000s,Waiting for LB pick';

test.each<[GrpcStatus, string, string, boolean, string?]>([
  [GrpcStatus.UNAVAILABLE, 'NO_LEADER', 'not_applied', true],
  [GrpcStatus.UNAVAILABLE, '', 'unknown', true],
  [GrpcStatus.ABORTED, 'NOT_LEADER', 'not_applied', true],
  [GrpcStatus.ABORTED, '', 'unknown', true],
  [GrpcStatus.RESOURCE_EXHAUSTED, 'OVERLOADED', 'not_applied', true],
  [GrpcStatus.RESOURCE_EXHAUSTED, '', 'unknown', true],
  [GrpcStatus.DEADLINE_EXCEEDED, 'NOT_APPLIED', 'not_applied', true],
  [GrpcStatus.DEADLINE_EXCEEDED, 'TOO_SLOW', 'not_applied', false],
  [GrpcStatus.DEADLINE_EXCEEDED, 'OUTCOME_UNKNOWN', 'unknown', true],
  [GrpcStatus.DEADLINE_EXCEEDED, '', 'unknown', true],
  [GrpcStatus.DEADLINE_EXCEEDED, '', 'not_applied', true, UNCONNECTED],
  // The answer of a router counts, whatever text comes with it.
  [GrpcStatus.DEADLINE_EXCEEDED, 'OUTCOME_UNKNOWN', 'unknown', true, UNCONNECTED],
  [GrpcStatus.UNKNOWN, 'OUTCOME_UNKNOWN', 'unknown', true],
  [GrpcStatus.CANCELLED, '', 'unknown', true],
  [GrpcStatus.INTERNAL, '', 'unknown', false],
  [GrpcStatus.INVALID_ARGUMENT, '', 'not_applied', false],
  [GrpcStatus.NOT_FOUND, 'ACCOUNT_NOT_FOUND', 'not_applied', false],
])(
  'code %i with the reason "%s" is %s, retryable %s',
  (code, reason, outcome, retryable, details = 'no') => {
    expect(toCallError(errorOf(code, reason, details), 'a router')).toMatchObject({
      outcome,
      retryable,
    });
  },
);

/** A router behind a proxy: the error that a transfer's caller gets when the router is asked. */
async function errorWhen(onAsked: (caller: Socket) => void): Promise<ServiceError | null> {
  let caller: Socket | undefined;
  const router = new Server();
  router.addService(LedgerServiceService, {
    createTransfer: () => caller && onAsked(caller),
  });
  closers.push(() => router.forceShutdown());
  const port = await new Promise<number>((resolve, reject) => {
    router.bindAsync('127.0.0.1:0', insecureLinks.server(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const proxy = createServer((socket) => {
    caller = socket;
    const onward = connect(port, '127.0.0.1');
    for (const one of [socket, onward]) one.on('error', () => {});
    socket.pipe(onward).pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  closers.push(() => proxy.close());
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port: front } = proxy.address() as AddressInfo;
  const stub = new LedgerServiceClient(`127.0.0.1:${front}`, insecureLinks.channelTo('router'));
  closers.push(() => stub.close());
  return new Promise((resolve) => {
    stub.createTransfer(CreateTransferRequest.fromPartial({}), resolve);
  });
}

// grpc-js has words of its own for each of these, and no details.
test.each([
  ['reset', (caller: Socket) => caller.resetAndDestroy()],
  ['closed', (caller: Socket) => caller.destroy()],
])('a transfer whose connection is %s under way may have been applied', async (_, cut) => {
  const error = await errorWhen(cut);
  expect(error?.code).toBe(GrpcStatus.UNAVAILABLE);
  expect(error && toCallError(error, '')).toMatchObject({ outcome: 'unknown', retryable: true });
});

test('a transfer to a port where no server listens was not applied', async () => {
  const stub = new LedgerServiceClient('127.0.0.1:1', insecureLinks.channelTo('router'));
  closers.push(() => stub.close());
  const error = await new Promise<ServiceError | null>((resolve) => {
    stub.createTransfer(CreateTransferRequest.fromPartial({}), resolve);
  });
  expect(error && toCallError(error, '')).toMatchObject({
    outcome: 'not_applied',
    retryable: true,
  });
});
