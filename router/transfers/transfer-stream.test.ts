import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientDuplexStream, Server, type ServiceError, status } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import { invalidArgument, outcomeUnknown, overloaded } from '../../ledger/rpc/error.ts';
import { measured } from '../../ledger/rpc/message-bytes.ts';
import { LedgerServiceClient } from '../../proto/gen/meridian/v1/ledger.ts';
import {
  CreateTransferRequest,
  CreateTransferResponse,
  type StreamTransfersRequest,
  type StreamTransfersResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { InvariantError } from '../../ledger/core/assert.ts';
import { unhandledErrors } from '../../ledger/testing/unhandled-errors.ts';
import { TransferItems } from './bytes/transfer-items.ts';
import { transferService } from './transfer-service.ts';
import { TransferStreams } from './transfer-streams.ts';
import { insecureLinks } from '../../ledger/rpc/tls/credentials.ts';

type ClientStream = ClientDuplexStream<StreamTransfersRequest, StreamTransfersResponse>;

/** A transfer that was begun and that the test decides. */
interface Begun {
  readonly key: string;
  readonly deadline: number;
  /** By Date.now(). */
  readonly at: number;
  readonly decide: (error?: Error) => void;
}

const nothing = () => undefined;
const SILENT = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** A real stream to a server of this process, behind which the test decides. */
async function fixture(deadlineMs?: number) {
  const begun: Begun[] = [];
  const streams = new TransferStreams(
    (transfer, deadline) =>
      new Promise((resolve, reject) => {
        const [request] = transfer instanceof TransferItems ? transfer.decoded() : [transfer];
        const key = request?.idempotencyKey ?? '';
        const response = CreateTransferResponse.fromPartial({ transferId: key });
        const decide = (error?: Error) => {
          if (error === undefined) resolve(CreateTransferResponse.encode(response).finish());
          else reject(error);
        };
        begun.push({ key, deadline: Number(deadline), at: Date.now(), decide });
      }),
    SILENT,
  );
  const server = new Server({ 'grpc.enable_channelz': 0 });
  const { streamTransfers } = measured(transferService);
  server.addService(
    { streamTransfers },
    { streamTransfers: (stream: Parameters<typeof streams.serve>[0]) => streams.serve(stream) },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', insecureLinks.server(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const client = new LedgerServiceClient(`127.0.0.1:${port}`, insecureLinks.channelTo('router'));
  onTestFinished(() => {
    client.close();
    server.forceShutdown();
  });
  const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
  const stream: ClientStream = client.streamTransfers(options);
  return { stream, streams, begun, received: receive(stream) };
}

/** All that a stream delivers: answers as text, and how it ended. */
function receive(stream: ClientStream) {
  const answers: string[] = [];
  stream.on('data', ({ sequence, answer }: StreamTransfersResponse) => {
    const text =
      answer?.$case === 'fault'
        ? `${status[answer.value.code]}${answer.value.outcomeUnknown ? '?' : ''}: ${answer.value.message}`
        : answer?.value.transferId;
    answers.push(`${sequence} ${text}`);
  });
  let error: ServiceError | undefined;
  const ended = new Promise<ServiceError | undefined>((resolve) => {
    stream.on('error', (why: ServiceError) => {
      error = why;
    });
    stream.on('status', () => resolve(error));
  });
  return { answers, ended };
}

function write(
  stream: ClientStream,
  sequence: number,
  fields: Partial<CreateTransferRequest> = {},
) {
  const idempotencyKey = `key ${sequence}`;
  const transfer = CreateTransferRequest.fromPartial({ idempotencyKey, ...fields });
  return stream.write({ sequence: BigInt(sequence), transfer });
}

/** Waits until something has a value, and then a little longer for it to go too far. */
async function settled(value: () => number, expected: number): Promise<void> {
  for (let tries = 0; tries < 1000 && value() < expected; tries += 1) await sleep(5);
  await sleep(50);
  expect(value()).toBe(expected);
}

test('answers come in the order of the requests, however they are decided', async () => {
  const { stream, begun, received } = await fixture();
  for (const sequence of [3, 4, 9]) write(stream, sequence);
  stream.end();
  await settled(() => begun.length, 3);
  begun[2]?.decide();
  begun[1]?.decide();
  await sleep(20);
  expect(received.answers).toEqual([]);
  begun[0]?.decide();
  expect(await received.ended).toBeUndefined();
  expect(received.answers).toEqual(['3 key 3', '4 key 4', '9 key 9']);
});

test('a message that is not decoded ends a stream, after the answers to those before', async () => {
  const { stream, begun, received } = await fixture();
  write(stream, 1);
  const pairs = Array.from({ length: 100 }, (_, index) => [`name ${index}`, '']);
  write(stream, 2, { metadata: Object.fromEntries(pairs) });
  write(stream, 3);
  await settled(() => begun.length, 1);
  begun[0]?.decide();
  const error = await received.ended;
  expect(error?.code).toBe(status.INVALID_ARGUMENT);
  expect(error?.details).toBe('transfer.metadata has too many items');
  expect(received.answers).toEqual(['1 key 1']);
});

test('a fault of one transfer is its answer, and the stream goes on', async () => {
  const { stream, begun, received } = await fixture();
  for (const sequence of [0, 1, 2, 3]) write(stream, sequence);
  write(stream, 4, { dryRun: true });
  write(stream, 5);
  stream.end();
  await settled(() => begun.length, 5);
  begun[0]?.decide(invalidArgument([{ field: 'amount', description: 'must be positive' }]));
  begun[1]?.decide(outcomeUnknown(status.DEADLINE_EXCEEDED));
  begun[2]?.decide(overloaded('too many', 100));
  begun[3]?.decide(new Error('a bug'));
  begun[4]?.decide();
  expect(await received.ended).toBeUndefined();
  expect(received.answers).toEqual([
    '0 INVALID_ARGUMENT: amount must be positive',
    '1 DEADLINE_EXCEEDED?: the outcome is unknown: repeat the request with the same key, or ask GetTransfer',
    '2 RESOURCE_EXHAUSTED: too many',
    '3 INTERNAL?: failed; see the log',
    '4 INVALID_ARGUMENT: dry_run must be unset: dry runs are unary',
    '5 key 5',
  ]);
});

test('a broken invariant is answered with an unknown outcome and ends the process', async () => {
  const unhandled = unhandledErrors();
  const { stream, begun, received } = await fixture();
  write(stream, 1);
  stream.end();
  await settled(() => begun.length, 1);
  const bug = new InvariantError('the books do not balance');
  begun[0]?.decide(bug);
  await received.ended;
  expect(received.answers).toEqual(['1 INTERNAL?: failed; see the log']);
  expect(unhandled).toEqual([bug]);
});

test.each([
  ['a sequence that stays', { sequence: 7n, transfer: CreateTransferRequest.create() }],
  ['a sequence that falls', { sequence: 6n, transfer: CreateTransferRequest.create() }],
  ['a request without a transfer', { sequence: 8n, transfer: undefined }],
])('%s ends the stream after all earlier answers', async (_, wrong) => {
  const { stream, begun, received } = await fixture();
  write(stream, 7);
  stream.write(wrong);
  write(stream, 10);
  await settled(() => begun.length, 1);
  begun[0]?.decide();
  const error = await received.ended;
  expect(error?.code).toBe(status.INVALID_ARGUMENT);
  expect(error?.details).toMatch(/^(sequence \d must be greater than 7|transfer must be set)/u);
  expect(received.answers).toEqual(['7 key 7']);
  expect(begun).toHaveLength(1);
});

test('with 4,000 unanswered nothing is read until half of them are answered', async () => {
  const { stream, begun, received } = await fixture();
  for (let sequence = 1; sequence <= 10_000; sequence += 1) write(stream, sequence);
  stream.end();
  await settled(() => begun.length, 4_000);
  for (const { decide } of begun.slice(0, 2_000)) decide();
  await settled(() => received.answers.length, 2_000);
  expect(begun).toHaveLength(4_000);
  begun[2_000]?.decide();
  await settled(() => begun.length, 6_001);
  for (let decided = 2_001; decided < 10_000; decided += 1) {
    while (begun[decided] === undefined) await sleep(1);
    begun[decided]?.decide();
  }
  expect(await received.ended).toBeUndefined();
  expect(received.answers).toEqual(begun.map(({ key }, at) => `${at + 1} ${key}`));
});

test('large requests are counted by their size', async () => {
  const { stream, begun, received } = await fixture();
  const reference = 'x'.repeat(100_000);
  for (let sequence = 1; sequence <= 100; sequence += 1) write(stream, sequence, { reference });
  stream.end();
  await settled(() => begun.length, 42);
  for (let decided = 0; decided < 100; decided += 1) {
    while (begun[decided] === undefined) await sleep(1);
    begun[decided]?.decide();
  }
  expect(await received.ended).toBeUndefined();
  expect(received.answers).toHaveLength(100);
});

test('a stream whose caller takes no answers is not read any further', async () => {
  const { stream, begun, received } = await fixture();
  stream.pause();
  for (let sequence = 1; sequence <= 25_000; sequence += 1) write(stream, sequence);
  stream.end();
  let decided = 0;
  const decideAll = () => {
    while (decided < begun.length) {
      begun[decided]?.decide();
      decided += 1;
    }
    return decided;
  };
  for (let quiet = 0, before = -1; quiet < 20; quiet = before === decided ? quiet + 1 : 0) {
    before = decided;
    await sleep(10);
    decideAll();
  }
  // As many as may be unanswered, and what is on its way in buffers of the connection.
  expect(decided).toBeGreaterThanOrEqual(4_000);
  expect(decided).toBeLessThan(15_000);
  stream.resume();
  while (decideAll() < 25_000) await sleep(1);
  expect(await received.ended).toBeUndefined();
  expect(received.answers).toEqual(begun.map(({ key }, at) => `${at + 1} ${key}`));
});

test('a caller that has gone gets no answer, and nothing breaks', async () => {
  const { stream, begun, received } = await fixture();
  write(stream, 1);
  write(stream, 2);
  await settled(() => begun.length, 2);
  begun[1]?.decide();
  stream.cancel();
  expect((await received.ended)?.code).toBe(status.CANCELLED);
  await sleep(50);
  for (const { decide } of begun) decide();
  await sleep(50);
  expect(received.answers).toEqual([]);
});

test.each([
  ['that of a call without a deadline', undefined, 10_000],
  ['that of a call, if the stream has longer', 60_000, 10_000],
  ['that of the stream, if it is sooner', 8_000, 8_000],
])('the deadline of a transfer is %s', async (_, deadlineMs, expected) => {
  const { stream, begun } = await fixture(deadlineMs);
  write(stream, 1);
  await settled(() => begun.length, 1);
  const { deadline, at } = must(begun[0], 'it was begun');
  const left = deadline - at;
  expect(left).toBeGreaterThan(expected - 5_000);
  expect(left).toBeLessThanOrEqual(expected);
  stream.cancel();
});

test('a router that stops answers what it has read, then ends the stream', async () => {
  const { stream, streams, begun, received } = await fixture();
  write(stream, 1);
  await settled(() => begun.length, 1);
  streams.stop();
  write(stream, 2);
  await sleep(50);
  expect(begun).toHaveLength(1);
  begun[0]?.decide();
  expect((await received.ended)?.code).toBe(status.UNAVAILABLE);
  expect(received.answers).toEqual(['1 key 1']);
});
