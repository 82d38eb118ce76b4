import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { type handleUnaryCall, Server, type ServiceDefinition, status } from '@grpc/grpc-js';
import { Http2Connection } from './http2-connection.ts';
import { callHeaders, statusIn } from './header-block.ts';
import { insecureLinks } from '../../../ledger/rpc/tls/credentials.ts';

const PATH = '/test.Service/Call';
const asItIs = (bytes: Buffer) => bytes;
const service: ServiceDefinition = {
  call: {
    path: PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  },
};

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A real gRPC server. Returns its address. */
async function serve(handler: handleUnaryCall<Buffer, Buffer>, streams = 100): Promise<string> {
  const server = new Server({
    'grpc.max_concurrent_streams': streams,
    'grpc.max_receive_message_length': -1,
  });
  server.addService(service, { call: handler });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', insecureLinks.server(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  closing.push(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

function open(address: string): (message: Buffer) => Promise<Buffer> {
  const connection = new Http2Connection(address);
  closing.push(() => connection.close());
  const headers = callHeaders(PATH, address, '60S');
  return (message) =>
    new Promise((resolve, reject) => {
      connection.call(headers, message, (error, answer) => {
        if (answer === undefined) reject(new Error(error));
        else resolve(Buffer.from(answer));
      });
    });
}

const echo: handleUnaryCall<Buffer, Buffer> = (call, done) => done(null, call.request);

const refuse: handleUnaryCall<Buffer, Buffer> = (_, done) =>
  done({ code: status.RESOURCE_EXHAUSTED, details: 'too much' });

test('messages of every size arrive and come back, many at once', async () => {
  const call = open(await serve(echo));
  const sizes = [0, 1, 60, 16_379, 16_380, 65_530, 65_531, 500_000, 3_000_000];
  const sent = sizes.map((size) => Buffer.alloc(size, size % 251));
  const received = await Promise.all(sent.map(call));
  expect(received.map((bytes) => bytes.length)).toEqual(sizes);
  expect(received.every((bytes, index) => bytes.equals(sent[index] ?? bytes))).toBe(true);
});

test('more calls than the server allows at a time wait for their turn', async () => {
  let most = 0;
  let now = 0;
  const slowly: handleUnaryCall<Buffer, Buffer> = (call, done) => {
    now += 1;
    most = Math.max(most, now);
    setTimeout(() => {
      now -= 1;
      done(null, call.request);
    }, 2);
  };
  const call = open(await serve(slowly, 4));
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, index) => call(Buffer.of(index))),
  );
  expect(answers.map((answer) => answer[0])).toEqual(Array.from({ length: 200 }, (_, at) => at));
  expect(most).toBe(4);
});

/** Answers each call with the length of its message, which it begins to read late. */
function readLate(stream: ServerHttp2Stream): void {
  stream.on('error', () => undefined);
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  setTimeout(() => {
    let length = 0;
    stream.on('data', (chunk: Buffer) => (length += chunk.length));
    stream.on('end', () => {
      const answer = Buffer.alloc(9);
      answer.writeUInt32BE(4, 1);
      answer.writeUInt32BE(length - 5, 5);
      stream.end(answer);
    });
  }, 50);
}

/** A server of HTTP/2 alone. Returns its address. */
async function listen(onStream: (stream: ServerHttp2Stream) => void): Promise<string> {
  const server: Http2Server = createServer();
  server.on('stream', onStream);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a port was asked for');
  return `127.0.0.1:${address.port}`;
}

test('no more is sent than a server that reads late has room for', async () => {
  const call = open(await listen(readLate));
  const sizes = [300_000, 1, 200_000, 65_531];
  const answers = await Promise.all(sizes.map((size) => call(Buffer.alloc(size))));
  expect(answers.map((answer) => answer.readUInt32BE())).toEqual(sizes);
});

test('a call that fails has the status of gRPC', async () => {
  const call = open(await serve(refuse));
  await expect(call(Buffer.of(1))).rejects.toThrow('status 8 of gRPC');
});

test('a connection that is closed fails its calls, and those after it', async () => {
  const streams: ServerHttp2Stream[] = [];
  const address = await listen((stream) => {
    stream.on('error', () => undefined);
    streams.push(stream);
    stream.session?.destroy();
  });
  const call = open(address);
  await expect(call(Buffer.of(1))).rejects.toThrow('connection');
  await expect(call(Buffer.of(1))).rejects.toThrow('connection');
  expect(streams).toHaveLength(1);
});

test('the status is found among other fields, and only there', () => {
  const block = callHeaders('/a/very/long/path'.repeat(20), 'host:1', '60S');
  expect(statusIn(block)).toBeUndefined();
  const trailer = Buffer.concat([
    Buffer.of(0x20, 0x88, 0x40, 0x88),
    Buffer.from('9acac8b21234da8f', 'hex'),
    Buffer.of(2),
    Buffer.from('14'),
  ]);
  expect(statusIn(trailer)).toBe(14);
});
