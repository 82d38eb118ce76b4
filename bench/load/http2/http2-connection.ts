import { connect, type Socket } from 'node:net';
import { connect as connectSecurely, type ConnectionOptions } from 'node:tls';
import {
  Flag,
  type Frame,
  frame,
  FRAME_HEAD_BYTES,
  FrameReader,
  FrameType,
  PREFACE,
  Setting,
  settingsFrame,
  WINDOW_MAX,
  windowUpdate,
  writeFrameHead,
} from './frames.ts';
import { statusIn } from './header-block.ts';
import { Output } from './output.ts';

/** What the other side allows until it states something else (RFC 9113). */
const INITIAL = { windowBytes: 65_535, frameBytes: 16_384 } as const;
/** Compression flag and length, in front of each message of gRPC. */
const PREFIX_BYTES = 5;
const SETTING_BYTES = 6;
/** Stream and weight, in front of headers. */
const PRIORITY_BYTES = 5;
const OK = 0;

/** Called exactly once, with a message or with why there is none. */
export type MessageCallback = (error: string | undefined, message: Buffer | undefined) => void;

interface Stream {
  readonly message: Buffer;
  /** Of prefix and message together. */
  sentBytes: number;
  windowBytes: number;
  readonly received: Buffer[];
  readonly answer: MessageCallback;
}

interface WaitingCall {
  readonly headers: Buffer;
  readonly message: Buffer;
  readonly answer: MessageCallback;
}

/**
 * One HTTP/2 connection for unary gRPC calls whose requests are encoded already. It costs a few microseconds per call where the client library costs some hundred, so that a
 * generator leaves the processor to what is being measured. It knows no retries and no names: a
 * connection that fails stays so.
 */
export class Http2Connection {
  readonly #socket: Socket;
  readonly #output: Output;
  readonly #streams = new Map<number, Stream>();
  /** Streams with something to send that some window does not allow yet, in their order. */
  readonly #blocked = new Map<number, Stream>();
  /** Calls beyond the number of streams that the other side allows. */
  readonly #waiting: WaitingCall[] = [];
  #next = 1;
  #windowBytes: number = INITIAL.windowBytes;
  #streamWindowBytes: number = INITIAL.windowBytes;
  #frameBytes: number = INITIAL.frameBytes;
  /** None until its settings have arrived: it refuses what is beyond them. */
  #streamsMax = 0;
  #consumed = 0;
  #failure: string | undefined;

  /**
   * @param address HOST:PORT
   * @param tls undefined: plain text
   */
  constructor(address: string, tls?: ConnectionOptions) {
    const colon = address.lastIndexOf(':');
    const [host, port] = [address.slice(0, colon), Number(address.slice(colon + 1))];
    this.#socket =
      tls === undefined ? connect({ host, port }) : connectSecurely({ ...tls, host, port });
    this.#socket.setNoDelay(true);
    this.#output = new Output(this.#socket);
    const reader = new FrameReader((each) => this.#take(each));
    this.#socket.on('data', (chunk) => reader.push(chunk));
    this.#socket.on('error', (error) => this.#fail(`${address}: ${error.message}`));
    this.#socket.on('close', () => this.#fail(`${address}: the connection was closed`));
    this.#output.write(PREFACE);
    const settings = [
      [Setting.headerTableSize, 0],
      [Setting.enablePush, 0],
      [Setting.initialWindowSize, WINDOW_MAX],
    ] as const;
    this.#output.write(settingsFrame(settings));
    this.#output.write(windowUpdate(0, WINDOW_MAX - INITIAL.windowBytes));
  }

  /**
   * @param headers of the call, encoded
   * @param message must not change before it is answered
   */
  call(headers: Buffer, message: Buffer, answer: MessageCallback): void {
    if (this.#failure !== undefined) answer(this.#failure, undefined);
    else if (this.#streams.size >= this.#streamsMax) {
      this.#waiting.push({ headers, message, answer });
    } else this.#open({ headers, message, answer });
  }

  /** Calls under way fail. */
  close(): void {
    this.#socket.destroy();
  }

  #open({ headers, message, answer }: WaitingCall): void {
    const number = this.#next;
    this.#next += 2;
    const windowBytes = this.#streamWindowBytes;
    const stream = { message, sentBytes: 0, windowBytes, received: [], answer };
    this.#streams.set(number, stream);
    const target = this.#output.reserve(FRAME_HEAD_BYTES + headers.length);
    const { bytes, offset } = target;
    const length = headers.length;
    const flags = Flag.endHeaders;
    headers.copy(bytes, writeFrameHead(bytes, offset, length, FrameType.headers, flags, number));
    this.#send(number, stream);
  }

  /** Sends as much of a message as the windows allow. */
  #send(number: number, stream: Stream): void {
    const total = PREFIX_BYTES + stream.message.length;
    while (stream.sentBytes < total) {
      const allowed = Math.min(this.#windowBytes, stream.windowBytes, this.#frameBytes);
      const length = Math.min(allowed, total - stream.sentBytes);
      if (length <= 0 || (stream.sentBytes === 0 && length < PREFIX_BYTES)) {
        this.#blocked.set(number, stream);
        return;
      }
      this.#sendPart(number, stream, length, stream.sentBytes + length === total);
      stream.sentBytes += length;
      stream.windowBytes -= length;
      this.#windowBytes -= length;
    }
    this.#blocked.delete(number);
  }

  #sendPart(number: number, { message, sentBytes }: Stream, length: number, last: boolean): void {
    const { bytes, offset } = this.#output.reserve(FRAME_HEAD_BYTES + length);
    const flags = last ? Flag.endStream : 0;
    const begin = writeFrameHead(bytes, offset, length, FrameType.data, flags, number);
    if (sentBytes > 0) {
      const from = sentBytes - PREFIX_BYTES;
      message.copy(bytes, begin, from, from + length);
      return;
    }
    bytes[begin] = 0;
    bytes.writeUInt32BE(message.length, begin + 1);
    message.copy(bytes, begin + PREFIX_BYTES, 0, length - PREFIX_BYTES);
  }

  #take({ type, flags, stream: number, payload }: Frame): void {
    switch (type) {
      case FrameType.data:
        return this.#takeData(number, flags, payload);
      case FrameType.headers: {
        if ((flags & Flag.endHeaders) === 0) {
          return this.#fail('an answer has more headers than are understood here');
        }
        if ((flags & Flag.endStream) === 0) return undefined;
        return this.#end(number, statusIn(content(flags, payload)));
      }
      case FrameType.reset:
        return this.#end(number, undefined, `the stream was reset, code ${payload.readUInt32BE()}`);
      case FrameType.settings:
        return (flags & Flag.ack) === 0 ? this.#takeSettings(payload) : undefined;
      case FrameType.ping:
        if ((flags & Flag.ack) === 0) {
          this.#output.write(frame(FrameType.ping, Flag.ack, 0, payload));
        }
        return undefined;
      case FrameType.goAway:
        return this.#fail(`the router ends the connection, code ${payload.readUInt32BE(4)}`);
      case FrameType.windowUpdate:
        return this.#takeWindow(number, payload.readUInt32BE());
      default:
        // Frames of unknown types are to be ignored.
        return undefined;
    }
  }

  #takeData(number: number, flags: number, payload: Buffer): void {
    this.#consumed += payload.length;
    if (this.#consumed > WINDOW_MAX / 2) {
      this.#output.write(windowUpdate(0, this.#consumed));
      this.#consumed = 0;
    }
    // The bytes are the socket's own, and good for this moment only.
    this.#streams.get(number)?.received.push(Buffer.from(content(flags, payload)));
    if ((flags & Flag.endStream) !== 0) this.#end(number, undefined);
  }

  #takeSettings(payload: Buffer): void {
    if (this.#streamsMax === 0) this.#streamsMax = Infinity;
    for (let at = 0; at + SETTING_BYTES <= payload.length; at += SETTING_BYTES) {
      const value = payload.readUInt32BE(at + 2);
      switch (payload.readUInt16BE(at)) {
        case Setting.maxConcurrentStreams:
          this.#streamsMax = value;
          break;
        case Setting.maxFrameSize:
          this.#frameBytes = value;
          break;
        case Setting.initialWindowSize: {
          const more = value - this.#streamWindowBytes;
          this.#streamWindowBytes = value;
          for (const stream of this.#streams.values()) stream.windowBytes += more;
          break;
        }
        default:
          break;
      }
    }
    this.#output.write(frame(FrameType.settings, Flag.ack, 0, Buffer.alloc(0)));
    this.#sendBlocked();
    this.#openWaiting();
  }

  #takeWindow(number: number, increment: number): void {
    if (number === 0) this.#windowBytes += increment;
    else {
      const stream = this.#streams.get(number);
      if (stream !== undefined) stream.windowBytes += increment;
    }
    this.#sendBlocked();
  }

  #sendBlocked(): void {
    for (const [number, stream] of this.#blocked) {
      if (this.#windowBytes <= 0) return;
      this.#send(number, stream);
    }
  }

  #openWaiting(): void {
    while (this.#streams.size < this.#streamsMax) {
      const call = this.#waiting.shift();
      if (call === undefined) return;
      this.#open(call);
    }
  }

  #end(number: number, status: number | undefined, reason?: string): void {
    const stream = this.#streams.get(number);
    if (stream === undefined) return;
    this.#streams.delete(number);
    this.#blocked.delete(number);
    const { received, answer } = stream;
    const body = received.length === 1 ? received[0] : Buffer.concat(received);
    const length = body !== undefined && body.length >= PREFIX_BYTES ? body.readUInt32BE(1) : -1;
    if (status === OK && body !== undefined && body.length === PREFIX_BYTES + length) {
      answer(undefined, body.subarray(PREFIX_BYTES));
    } else answer(reason ?? `status ${status ?? 'missing'} of gRPC`, undefined);
    this.#openWaiting();
  }

  #fail(why: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = why;
    this.#socket.destroy();
    const calls = [...this.#streams.values(), ...this.#waiting.splice(0)];
    this.#streams.clear();
    this.#blocked.clear();
    for (const { answer } of calls) answer(why, undefined);
  }
}

/** The payload of a frame without what may surround its content. */
function content(flags: number, payload: Buffer): Buffer {
  if ((flags & (Flag.padded | Flag.priority)) === 0) return payload;
  const padded = (flags & Flag.padded) !== 0;
  const begin = (padded ? 1 : 0) + ((flags & Flag.priority) === 0 ? 0 : PRIORITY_BYTES);
  return payload.subarray(begin, payload.length - (padded ? (payload[0] ?? 0) : 0));
}
