import { type ClientHttp2Stream, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import {
  Metadata,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  status,
} from '@grpc/grpc-js';
import { expect, onTestFinished, test, vi } from 'vitest';
import { GetAccountRequest, GetAccountResponse } from '../../proto/gen/meridian/v1/account.ts';
import { LedgerServiceClient, LedgerServiceService } from '../../proto/gen/meridian/v1/ledger.ts';
import {
  CreateTransferRequest,
  type StreamTransfersRequest,
  StreamTransfersResponse,
} from '../../proto/gen/meridian/v1/transfer.ts';
import { CallWatches } from './call-watch.ts';
import { reasonOf } from './error.ts';
import { MalformedMessage } from './message-bytes.ts';
import { RpcServer } from './server.ts';
import { insecureLinks } from './tls/credentials.ts';

/** What a server accepts from callers that send malformed data, and how it treats the others. */

const MIB = 1024 * 1024;
const LIMITS = { messageBytes: 4 * MIB, connectionBytes: 6 * MIB, totalBytes: 12 * MIB };
const SERVICE = '/meridian.v1.LedgerService';

type Unary = ServerUnaryCall<GetAccountRequest, GetAccountResponse>;
type Stream = ServerDuplexStream<StreamTransfersRequest, StreamTransfersResponse>;

/** A server of two methods, and how long each takes. */
async function started() {
  const deadlines: number[] = [];
  const server = new RpcServer({
    listen: '127.0.0.1:0',
    security: insecureLinks,
    access: undefined,
    service: LedgerServiceService,
    serviceName: 'meridian.v1.LedgerService',
    limits: LIMITS,
    implementation: {
      getAccount: (call: Unary, callback: sendUnaryData<GetAccountResponse>) => {
        deadlines.push(Number(call.getDeadline()) - Date.now());
        callback(null, GetAccountResponse.fromPartial({}));
      },
      streamTransfers: (stream: Stream) => {
        stream.on('data', (request: StreamTransfersRequest | MalformedMessage) => {
          if (request instanceof MalformedMessage) stream.emit('error', request.error);
          else stream.write(StreamTransfersResponse.fromPartial({ sequence: request.sequence }));
        });
        stream.on('end', () => stream.end());
      },
    },
  });
  const port = await server.start();
  onTestFinished(() => server.stop());
  return { address: `127.0.0.1:${port}`, deadlines };
}

interface Answer {
  /** grpc-status, or how the stream ended. */
  readonly how: string;
  readonly message: string;
}

/** Opens a stream on a connection of its own or of another, for a test to write to. */
function opened(
  address: string,
  method: string,
  headers: Record<string, string> = {},
  on?: Session,
) {
  const session = on ?? connectTo(address);
  const stream = session.request({
    ':method': 'POST',
    ':path': `${SERVICE}/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  const answer = new Promise<Answer>((resolve) => {
    const answered = (received: IncomingHttpHeaders) => {
      if (received['grpc-status'] === undefined) return;
      resolve({
        how: String(received['grpc-status']),
        message: decodeURI(String(received['grpc-message'] ?? '')),
      });
    };
    stream.on('response', answered);
    stream.on('trailers', answered);
    stream.on('error', (error) => resolve({ how: error.message, message: '' }));
    stream.on('close', () => resolve({ how: 'closed', message: '' }));
    stream.resume();
  });
  return { stream, answer };
}

type Session = ReturnType<typeof connect>;

function connectTo(address: string): Session {
  const session = connect(`http://${address}`);
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  return session;
}

function frame(bytes: Uint8Array, isCompressed = false, length = bytes.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(isCompressed ? 1 : 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, bytes]);
}

const good = () =>
  frame(GetAccountRequest.encode(GetAccountRequest.fromPartial({ id: 1n })).finish());

test.each<[string, Uint8Array, Record<string, string>]>([
  ['bytes that are no message', frame(Uint8Array.of(0x0a, 5, 1)), {}],
  ['a message that is cut', good().subarray(0, 6), {}],
  ['bytes that are not compressed', frame(Buffer.from('none'), true), { 'grpc-encoding': 'gzip' }],
  ['a malformed timeout', good(), { 'grpc-timeout': 'soon' }],
  ['a timeout without a unit', good(), { 'grpc-timeout': '100' }],
  ['a timeout with more behind it', good(), { 'grpc-timeout': '5S and more' }],
])('%s: INVALID_ARGUMENT', async (_, body, headers) => {
  const { address } = await started();
  const { stream, answer } = opened(address, 'GetAccount', headers);
  stream.end(body);
  expect((await answer).how).toBe(String(status.INVALID_ARGUMENT));
});

test('a stream that ends within a message fails after the answers to those before', async () => {
  const { address } = await started();
  const { stream, answer } = opened(address, 'StreamTransfers');
  const whole = frame(Uint8Array.of(0x08, 7));
  let bytes = 0;
  stream.on('data', (data: Buffer) => {
    bytes += data.length;
  });
  stream.end(Buffer.concat([whole, whole.subarray(0, 6)]));
  expect((await answer).how).toBe(String(status.INVALID_ARGUMENT));
  expect(bytes).toBeGreaterThan(5);
});

test('a deadline of 30 days or 99,999,999 hours has not passed', async () => {
  const { address, deadlines } = await started();
  for (const timeout of ['2592000S', '4294967S', '5000000S', '99999999H']) {
    const { stream, answer } = opened(address, 'GetAccount', { 'grpc-timeout': timeout });
    stream.end(good());
    expect(await answer).toMatchObject({ how: '0' });
  }
  expect(Math.min(...deadlines)).toBeGreaterThan(29 * 86_400_000);
  const client = new LedgerServiceClient(address, insecureLinks.channelTo('router'));
  onTestFinished(() => client.close());
  await new Promise<void>((resolve, reject) => {
    const options = { deadline: Date.now() + 40 * 86_400_000 };
    client.getAccount(GetAccountRequest.fromPartial({}), new Metadata(), options, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  expect(deadlines.at(-1)).toBeGreaterThan(39 * 86_400_000);
});

test('a few bytes that decompress to very many are not unpacked', async () => {
  const { address } = await started();
  const bomb = gzipSync(Buffer.alloc(3 * MIB));
  expect(bomb.length).toBeLessThan(4_000);
  const { stream, answer } = opened(address, 'GetAccount', { 'grpc-encoding': 'gzip' });
  stream.end(frame(bomb, true));
  expect((await answer).how).toBe(String(status.RESOURCE_EXHAUSTED));
});

/** Sends that much of a message of 4 MiB, and no more. */
async function unfinished(stream: ClientHttp2Stream, bytes: number): Promise<void> {
  stream.write(frame(Buffer.alloc(bytes), false, 4 * MIB - 1));
  await sleep(50);
}

test('unfinished messages of one connection are bounded, and do not concern others', async () => {
  const { address } = await started();
  const session = connectTo(address);
  const calls = Array.from({ length: 3 }, () => opened(address, 'GetAccount', {}, session));
  for (const { stream } of calls) await unfinished(stream, 3 * MIB);
  const refused = await Promise.race(calls.map(({ answer }) => answer));
  expect(refused.how).toBe(String(status.RESOURCE_EXHAUSTED));
  const other = opened(address, 'GetAccount');
  other.stream.end(good());
  expect((await other.answer).how).toBe('0');
});

test('of all connections, the one that takes most gives up its oldest message', async () => {
  const { address } = await started();
  const greedy = Array.from({ length: 5 }, () => opened(address, 'GetAccount'));
  for (const { stream } of greedy) await unfinished(stream, 3 * MIB);
  const refused = await Promise.race(greedy.map(({ answer }) => answer));
  expect(refused).toMatchObject({ how: String(status.RESOURCE_EXHAUSTED) });
  const modest = opened(address, 'GetAccount');
  modest.stream.end(good());
  expect((await modest.answer).how).toBe('0');
});

test('callers that cancel calls all the time do not disturb other streams of their connection', async () => {
  const { address } = await started();
  const session = connectTo(address);
  const posting = opened(address, 'StreamTransfers', {}, session);
  let answers = 0;
  posting.stream.on('data', () => {
    answers += 1;
  });
  posting.stream.write(frame(Uint8Array.of(0x08, 6)));
  await expect.poll(() => answers).toBe(1);
  // The connection of a server that allows no more than Node allows on its own ends after 1,000.
  for (let call = 0; call < 3_000; call += 1) {
    opened(address, 'GetAccount', {}, session).stream.close(constants.NGHTTP2_CANCEL);
    if (call % 20 === 0) await sleep(2);
  }
  posting.stream.write(frame(Uint8Array.of(0x08, 7)));
  await expect.poll(() => answers).toBe(2);
  expect(session.destroyed).toBe(false);
});

test('a message that arrives in many small pieces is accepted', async () => {
  const { address } = await started();
  const text = 'r'.repeat(100_000);
  const body = frame(
    CreateTransferRequest.encode(CreateTransferRequest.fromPartial({ reference: text })).finish(),
  );
  const { stream, answer } = opened(address, 'GetAccount');
  for (let at = 0; at < body.length; at += 1_000) stream.write(body.subarray(at, at + 1_000));
  stream.end();
  expect((await answer).how).toBe('0');
});

test('a stream whose answers are not read counts its own bytes, and an empty call none', () => {
  const refused: string[] = [];
  const watches = new CallWatches(LIMITS, []);
  onTestFinished(() => watches.close());
  const open = (session: object, name: string, type: string) =>
    watches.open(session, { path: `/x/${name}`, type }, () => refused.push(name));
  const [greedy, modest] = [{}, {}];
  const idle = open(greedy, 'idle', 'unary');
  const small = open(greedy, 'small stream', 'bidi');
  const large = open(greedy, 'large stream', 'bidi');
  const other = open(modest, 'other', 'unary');
  other.holds(2 * MIB);
  small.holds(MIB);
  large.holds(9 * MIB);
  expect(refused).toEqual([]);
  large.holds(10 * MIB);
  expect(refused).toEqual(['large stream']);
  expect(watches.bytes).toBe(3 * MIB);
  for (const call of [idle, small, large, other]) call.end();
  expect(watches.bytes).toBe(0);
});

test('a call that has begun is ended last, and its outcome is unknown then', () => {
  const ended: string[] = [];
  const watches = new CallWatches(LIMITS, []);
  onTestFinished(() => watches.close());
  const open = (session: object, name: string) =>
    watches.open(session, { path: `/x/${name}`, type: 'unary' }, (error) =>
      ended.push(`${name} ${error.code} ${reasonOf(error)}`),
    );
  const [payer, other] = [{}, {}];
  const payment = open(payer, 'payment');
  payment.holds(100);
  payment.requestEnded();
  payment.begun();
  const arriving = [open(payer, 'first'), open(payer, 'second')];
  for (const call of arriving) call.holds(3 * MIB - 100);
  open(other, 'other').holds(5 * MIB);
  open({}, 'third').holds(2 * MIB);
  expect(ended).toEqual([`first ${status.RESOURCE_EXHAUSTED} OVERLOADED`]);
  // Its own answer is more than the connection may take.
  payment.holds(4 * MIB);
  expect(ended[1]).toBe(`payment ${status.UNKNOWN} OUTCOME_UNKNOWN`);
});

test('what was refused is not begun when the end of its request arrives', async () => {
  const { address, deadlines } = await started();
  const session = connectTo(address);
  const begun = opened(address, 'GetAccount', {}, session);
  // Whole, without the end of the stream.
  begun.stream.write(good());
  await sleep(50);
  const calls = Array.from({ length: 4 }, () => opened(address, 'GetAccount'));
  for (const { stream } of calls) await unfinished(stream, 2 * MIB);
  const greedy = Array.from({ length: 2 }, () => opened(address, 'GetAccount', {}, session));
  for (const { stream } of greedy) await unfinished(stream, 2.5 * MIB);
  expect((await begun.answer).how).toBe(String(status.RESOURCE_EXHAUSTED));
  begun.stream.end();
  await sleep(100);
  expect(deadlines).toEqual([]);
});

test('small compressed messages that come at once are not all unpacked at once', async () => {
  const { address } = await started();
  const { stream, answer } = opened(address, 'StreamTransfers', { 'grpc-encoding': 'gzip' });
  const small = frame(gzipSync(Buffer.alloc(0)), true);
  stream.write(Buffer.concat(Array.from({ length: 600 }, () => small)));
  expect((await answer).how).toBe(String(status.RESOURCE_EXHAUSTED));
});

test('a message that does not end is refused after a while, and a stream without one is not', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const refused: string[] = [];
  const watches = new CallWatches(LIMITS, []);
  onTestFinished(() => watches.close());
  const open = (name: string, type: string) =>
    watches.open({}, { path: `/x/${name}`, type }, (error) =>
      refused.push(`${name} ${error.code} ${reasonOf(error)}`),
    );
  open('slow call', 'unary');
  open('whole call', 'unary').requestEnded();
  open('slow stream', 'bidi').unfinished(true);
  const whole = open('whole stream', 'bidi');
  whole.unfinished(true);
  whole.unfinished(false);
  open('quiet stream', 'bidi');
  vi.advanceTimersByTime(29_000);
  expect(refused).toEqual([]);
  vi.advanceTimersByTime(2_000);
  const late = `${status.DEADLINE_EXCEEDED} NOT_APPLIED`;
  expect(refused).toEqual([`slow call ${late}`, `slow stream ${late}`]);
});
