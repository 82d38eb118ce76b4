import { Server, type ServerWritableStream, status } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';

import { Event, type SubscribeRequest } from '../../proto/gen/meridian/v1/event.ts';
import { LedgerServiceService } from '../../proto/gen/meridian/v1/ledger.ts';
import { type ClientLimits, MeridianClient } from './client.ts';
import { placeOf } from './event-subscription.ts';
import { insecureLinks } from '../../ledger/rpc/tls/credentials.ts';

type Stream = ServerWritableStream<SubscribeRequest, Event>;

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A client of a router that answers subscriptions as the test wants. */
async function clientOf(answer: (call: Stream) => void, options: ClientLimits = {}) {
  const server = new Server();
  server.addService(LedgerServiceService, { subscribe: answer });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', insecureLinks.server(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  const client = new MeridianClient([`127.0.0.1:${port}`], {
    timeoutMs: 2_000,
    ...options,
    insecure: true,
  });
  closers.push(
    () => client.close(),
    () => server.forceShutdown(),
  );
  return client;
}

const row = (seq: bigint) => Event.create({ position: { book: 1, epoch: 1n, seq } });
const request = {
  of: { $case: 'book', value: 'eu-west-1' },
  after: 4n,
  historyOnly: true,
} as const;

async function seqsOf(events: AsyncIterable<Event>): Promise<bigint[]> {
  const seqs: bigint[] = [];
  for await (const { position } of events) seqs.push(position?.seq ?? 0n);
  return seqs;
}

test('a broken stream continues after the last event', async () => {
  const asked: bigint[] = [];
  const client = await clientOf((call) => {
    const { after } = call.request;
    asked.push(after);
    call.write(row(after + 1n));
    if (after < 7n) call.emit('error', { code: status.UNAVAILABLE, details: 'stepped down' });
    else call.end();
  });
  expect(await seqsOf(client.subscribe(request))).toEqual([5n, 6n, 7n, 8n]);
  expect(asked).toEqual([4n, 5n, 6n, 7n]);
});

const refuse = (call: Stream) =>
  call.emit('error', { code: status.UNAVAILABLE, details: 'no leader' });

test('it gives up after its timeout, and reports that nothing was applied', async () => {
  const client = await clientOf(refuse, { timeoutMs: 1_000 });
  const reading = seqsOf(client.subscribe(request));
  await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE', outcome: 'not_applied' });
});

test('a failure that is not retryable is reported at once', async () => {
  let calls = 0;
  const client = await clientOf((call) => {
    calls += 1;
    call.emit('error', { code: status.INVALID_ARGUMENT, details: 'there is no book mars' });
  });
  const reading = seqsOf(client.subscribe(request));
  await expect(reading).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  expect(calls).toBe(1);
});

test('an abort ends a live stream quietly', async () => {
  const stop = new AbortController();
  const client = await clientOf((call) => void call.write(row(5n)), { signal: stop.signal });
  const seqs: bigint[] = [];
  for await (const { position } of client.subscribe({ ...request, historyOnly: false })) {
    seqs.push(position?.seq ?? 0n);
    setTimeout(() => stop.abort(), 20);
  }
  expect(seqs).toEqual([5n]);
});

test('a reader that stops reading cancels the stream', async () => {
  const cancelled = Promise.withResolvers<void>();
  const client = await clientOf((call) => {
    call.on('cancelled', cancelled.resolve);
    call.write(row(5n));
  });
  for await (const event of client.subscribe({ ...request, historyOnly: false })) {
    expect(event.position?.seq).toBe(5n);
    break;
  }
  await cancelled.promise;
});

test('the place behind an event is its seq, or the version of the account', () => {
  const event = Event.create({
    ...row(9n),
    debitAccount: { accountId: 1n, version: 3n },
    creditAccount: { accountId: 2n, version: 4n },
  });
  expect(placeOf(event, request.of)).toBe(9n);
  expect(placeOf(event, { $case: 'accountId', value: 1n })).toBe(3n);
  expect(placeOf(event, { $case: 'accountId', value: 2n })).toBe(4n);
  expect(() => placeOf(event, { $case: 'accountId', value: 5n })).toThrow(/not of account 5/u);
});
