import { Metadata, status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { GetAccountRequest, GetAccountResponse } from '../../proto/gen/meridian/v1/account.ts';
import { LedgerServiceClient, LedgerServiceService } from '../../proto/gen/meridian/v1/ledger.ts';
import { outcomeUnknown } from './error.ts';
import { RpcServer } from './server.ts';
import { type SignalOf, unary } from './unary.ts';
import { insecureLinks } from './tls/credentials.ts';

/** What callers get of a handler that is slow, and it of callers who go. */

const MIB = 1024 * 1024;
const nothing = () => undefined;
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing };

async function started(handle: (signalOf: SignalOf) => Promise<GetAccountResponse>) {
  const server = new RpcServer({
    listen: '127.0.0.1:0',
    security: insecureLinks,
    access: undefined,
    service: LedgerServiceService,
    serviceName: 'meridian.v1.LedgerService',
    limits: { messageBytes: MIB, connectionBytes: MIB, totalBytes: MIB },
    implementation: {
      getAccount: unary<GetAccountRequest, GetAccountResponse>(
        quiet,
        (_request, _deadline, signalOf) => handle(signalOf),
        { timeUp: () => outcomeUnknown(status.DEADLINE_EXCEEDED) },
      ),
    },
  });
  const port = await server.start();
  const client = new LedgerServiceClient(`127.0.0.1:${port}`, insecureLinks.channelTo('router'));
  onTestFinished(async () => {
    client.close();
    await server.stop();
  });
  return client;
}

const request = GetAccountRequest.fromPartial({ id: 1n });

test('a call whose handler takes too long is answered before the deadline', async () => {
  const client = await started(() => new Promise<never>(() => undefined));
  const failure = () =>
    new Promise((resolve) => {
      const options = { deadline: Date.now() + 1_000 };
      client.getAccount(request, new Metadata(), options, (error) =>
        resolve([error?.code, error?.details]),
      );
    });
  // Other details are those of a client that has given up itself, as a busy one may.
  await expect
    .poll(failure)
    .toEqual([status.DEADLINE_EXCEEDED, expect.stringContaining('the outcome is unknown')]);
});

test('a handler learns that its caller has gone', async () => {
  let signal: AbortSignal | undefined;
  const client = await started((signalOf) => {
    signal = signalOf();
    return new Promise<never>(() => undefined);
  });
  const call = client.getAccount(request, nothing);
  await expect.poll(() => signal?.aborted).toBe(false);
  call.cancel();
  await expect.poll(() => signal?.aborted).toBe(true);
});
