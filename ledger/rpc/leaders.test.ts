import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import {
  BookServiceService,
  Topology,
  type WatchTopologyRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { Leaders } from './leaders.ts';
import { RpcServer } from './server.ts';
import { insecureLinks } from './tls/credentials.ts';

const MIB = 1024 * 1024;
const WITHIN_MS = 1_000;
/** On a busy machine too, every server answers within it. */
const LONG_MS = 20_000;

const nowMicros = () => (performance.timeOrigin + performance.now()) * 1_000;

/** A ledger server that reads its clocks at once and sends them `lateMs` afterwards. */
async function serverThatSends(lateMs: number): Promise<string> {
  const server = new RpcServer({
    listen: '127.0.0.1:0',
    security: insecureLinks,
    access: undefined,
    service: BookServiceService,
    serviceName: 'meridian.internal.v1.BookService',
    limits: { messageBytes: MIB, connectionBytes: MIB, totalBytes: MIB },
    implementation: {
      watchTopology: (stream: ServerWritableStream<WatchTopologyRequest, Topology>) => {
        const micros = BigInt(Math.floor(nowMicros()));
        const read = Topology.fromPartial({ book: 1, wallMicros: micros, steadyMicros: micros });
        setTimeout(() => stream.write(read), lateMs);
      },
    },
  });
  const address = `127.0.0.1:${await server.start()}`;
  onTestFinished(() => server.stop());
  return address;
}

async function leadersOf(...lateMs: number[]): Promise<Leaders> {
  const leaders = new Leaders(await Promise.all(lateMs.map(serverThatSends)), insecureLinks);
  onTestFinished(() => leaders.close());
  return leaders;
}

/** How far clocks are off, in milliseconds. */
const errors = (clocks: readonly { steadyMicros: number }[]) =>
  clocks.map(({ steadyMicros }) => Math.abs(steadyMicros - nowMicros()) / 1_000);

test('clocks that were asked for are right to half of the time allowed', async () => {
  const leaders = await leadersOf(0, 2_000);
  const found = errors(await leaders.askClocks(LONG_MS));
  expect(found).toHaveLength(2);
  expect(Math.max(...found)).toBeLessThan(LONG_MS / 2);
});

test('clocks that arrive too late are left out, as are those of servers that are gone', async () => {
  const leaders = await leadersOf(0, 1_500);
  // On a busy machine none of them may be in time.
  await expect.poll(() => leaders.askClocks(WITHIN_MS)).toHaveLength(1);
  const none = new Leaders(['127.0.0.1:1'], insecureLinks);
  onTestFinished(() => none.close());
  expect(await none.askClocks(WITHIN_MS)).toEqual([]);
});

test('an answer that lay unread while this process was busy counts as late', async () => {
  const leaders = await leadersOf(0);
  const asked = leaders.askClocks(WITHIN_MS);
  await sleep(0);
  const busyUntil = performance.now() + WITHIN_MS + 100;
  while (performance.now() < busyUntil);
  expect(await asked).toEqual([]);
});
