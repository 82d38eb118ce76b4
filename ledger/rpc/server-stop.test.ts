import {
  type ClientReadableStream,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerWritableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import {
  BookServiceClient,
  BookServiceService,
  PostReply,
  type PostRequest,
  Topology,
  type WatchTopologyRequest,
} from '../../proto/gen/meridian/internal/v1/book.ts';
import { GetAccountRequest, GetAccountResponse } from '../../proto/gen/meridian/v1/account.ts';
import { reasonOf } from './error.ts';
import { RpcServer } from './server.ts';
import { insecureLinks } from './tls/credentials.ts';

/** How a server stops whose callers have calls and streams open. */

const MIB = 1024 * 1024;
/** What calls in progress get, and what a stop takes that streams hold up. */
const DRAIN_MS = 20_000;
/** Of a stop without calls in progress. */
const IDLE_STOP_MS = 10_000;
const SLOW_MS = 1_500;

async function started() {
  const called = { times: 0 };
  const server = new RpcServer({
    listen: '127.0.0.1:0',
    security: insecureLinks,
    access: undefined,
    service: BookServiceService,
    serviceName: 'meridian.internal.v1.BookService',
    limits: { messageBytes: MIB, connectionBytes: MIB, totalBytes: MIB },
    drainMs: DRAIN_MS,
    implementation: {
      watchTopology: (stream: ServerWritableStream<WatchTopologyRequest, Topology>) => {
        stream.write(Topology.fromPartial({ book: 7 }));
      },
      post: (stream: ServerDuplexStream<PostRequest, PostReply>) => {
        stream.on('data', () => stream.write(PostReply.fromPartial({})));
      },
      getAccount: (_call: unknown, callback: sendUnaryData<GetAccountResponse>) => {
        called.times += 1;
        setTimeout(() => callback(null, GetAccountResponse.fromPartial({})), SLOW_MS);
      },
    },
  });
  const client = new BookServiceClient(
    `127.0.0.1:${await server.start()}`,
    insecureLinks.channelTo('router'),
  );
  onTestFinished(() => client.close());
  return { server, client, called };
}

/** Resolves once the stream has received a message; `ended` with the reason of its end. */
async function open<Message>(stream: ClientReadableStream<Message>) {
  const ended = new Promise<string>((resolve) => {
    stream.on('error', (error: ServiceError) => resolve(reasonOf(error)));
  });
  await new Promise((resolve) => {
    stream.on('data', resolve);
  });
  return { ended };
}

const bytes = (message: Buffer) => message;

async function stopMs(server: RpcServer): Promise<number> {
  const began = performance.now();
  await server.stop();
  return performance.now() - began;
}

test('streams that their callers would never end do not hold up a stop', async () => {
  const { server, client } = await started();
  const posting = client.post();
  posting.write({ batch: 1n, transfers: [], timeoutMs: [] });
  const health = client.makeServerStreamRequest(
    '/grpc.health.v1.Health/Watch',
    bytes,
    bytes,
    Buffer.alloc(0),
  );
  const reflection = client.makeBidiStreamRequest(
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    bytes,
    bytes,
  );
  // Field 7, list_services.
  reflection.write(Buffer.from([0x3a, 0x00]));
  const watches = await Promise.all([
    open(client.watchTopology({})),
    open(posting),
    open(health),
    open(reflection),
  ]);
  expect(await stopMs(server)).toBeLessThan(IDLE_STOP_MS);
  const reasons = await Promise.all(watches.map(({ ended }) => ended));
  expect(reasons).toEqual(watches.map(() => 'STOPPING'));
});

test('a call in progress is answered, while streams are ended at once', async () => {
  const { server, client, called } = await started();
  const { ended } = await open(client.watchTopology({}));
  const answer = new Promise((resolve) => {
    client.getAccount(GetAccountRequest.fromPartial({ id: 1n }), (error) => resolve(error));
  });
  await expect.poll(() => called.times).toBe(1);
  const stopping = stopMs(server);
  expect(await ended).toBe('STOPPING');
  expect(await answer).toBeNull();
  expect(await stopping).toBeLessThan(SLOW_MS + IDLE_STOP_MS);
});
