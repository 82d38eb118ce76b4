import { status } from '@grpc/grpc-js';
import { MIB } from '../core/limits.ts';
import { invalidArgument, outcomeUnknown, overloaded, type RpcError, tooLate } from './error.ts';
import { MalformedMessage } from './message-bytes.ts';

/** How long the rest of a message may take, from its first byte or from the beginning of its call. */
const UNFINISHED_MS = 30_000;
const SWEEP_MS = 1_000;
/** How many times its compressed size a message may have, and how many bytes more. */
const EXPANSION_MAX = 200;
const EXPANSION_FREE = 64 * 1024;
/** Requests of health checks and reflection, which nothing but their bytes bounds. */
const OTHER_MESSAGE_BYTES_MAX = 64 * 1024;

/** Bounds of the memory that the messages of calls take, in bytes. */
export interface CallMemoryLimits {
  /** Of one message. */
  readonly messageBytes: number;
  /** Of the calls of one connection together. */
  readonly connectionBytes: number;
  /** Of all calls. */
  readonly totalBytes: number;
}

/** The same in MiB, as settings have them. */
export interface CallTuning {
  readonly messageMib: number;
  readonly connectionMib: number;
  readonly totalMib: number;
}

export function callLimits({ messageMib, connectionMib, totalMib }: CallTuning): CallMemoryLimits {
  return {
    messageBytes: messageMib * MIB,
    connectionBytes: connectionMib * MIB,
    totalBytes: totalMib * MIB,
  };
}

/** A method as gRPC knows it. */
interface Method {
  readonly path: string;
  readonly type: string;
}

interface Connection {
  bytes: number;
  readonly calls: Set<CallWatch>;
}

/**
 * Watches what the messages of all calls of a server take in memory: what has arrived of a request,
 * a unary request until it is answered, and a unary answer until it is on its way. The patched
 * gRPC library reports it. Beyond the bounds a call is refused: of a connection that takes too
 * much the newest, of all connections the oldest one of that which takes most. So a
 * caller that takes little is always served. A call whose handler has begun may have been applied: it
 * is ended only where nothing else is left to end, and its outcome is unknown then.
 */
export class CallWatches {
  readonly #limits: CallMemoryLimits;
  /** Paths of the methods whose handlers take a MalformedMessage. */
  readonly #ownPaths: ReadonlySet<string>;
  readonly #connections = new Map<object, Connection>();
  readonly #sweeper: NodeJS.Timeout;
  #bytes = 0;

  constructor(limits: CallMemoryLimits, ownPaths: Iterable<string>) {
    this.#limits = limits;
    this.#ownPaths = new Set(ownPaths);
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  /** Bytes that all calls take now. */
  get bytes(): number {
    return this.#bytes;
  }

  close(): void {
    clearInterval(this.#sweeper);
  }

  /**
   * Watches a call that has begun. The option `grpc-node.call_watch` of a server.
   *
   * @param session identifies the connection
   * @param refuse ends the call
   */
  open(session: object, method: Method, refuse: (error: RpcError) => void): CallWatch {
    let connection = this.#connections.get(session);
    if (connection === undefined) {
      connection = { bytes: 0, calls: new Set() };
      this.#connections.set(session, connection);
    }
    const { calls } = connection;
    const isOwn = this.#ownPaths.has(method.path);
    const call = new CallWatch(
      {
        path: method.path,
        messageBytesMax: isOwn ? this.#limits.messageBytes : OTHER_MESSAGE_BYTES_MAX,
        isOwn,
        isUnary: method.type === 'unary',
        refuse,
      },
      {
        changed: (by) => this.#changed(session, call, by),
        ended: () => {
          calls.delete(call);
          if (calls.size === 0) this.#connections.delete(session);
        },
      },
    );
    calls.add(call);
    return call;
  }

  /** Ends the streams that a check refuses now, whatever it permitted when they began. */
  refuseStreams(check: (session: object, path: string) => RpcError | undefined): void {
    for (const [session, { calls }] of this.#connections) {
      for (const call of calls) {
        if (call.isUnary) continue;
        const refusal = check(session, call.path);
        if (refusal !== undefined) call.refuse(refusal);
      }
    }
  }

  #changed(session: object, call: CallWatch, by: number): void {
    this.#bytes += by;
    const connection = this.#connections.get(session);
    if (connection === undefined) return;
    connection.bytes += by;
    if (by <= 0) return;
    if (connection.bytes > this.#limits.connectionBytes && call.mayBeEnded) {
      call.refuse(overloaded('the calls of this connection take too much memory', 200));
    }
    if (this.#bytes > this.#limits.totalBytes) {
      this.#greediest()?.refuse(overloaded('the calls in progress take too much memory', 200));
    }
  }

  /**
   * Of the connection that takes most: the oldest call that may be refused, or else the one that
   * takes most, such as a stream whose answers are not read. Others must not pay for it.
   */
  #greediest(): CallWatch | undefined {
    let greediest: Connection | undefined;
    for (const connection of this.#connections.values()) {
      if (connection.bytes > (greediest?.bytes ?? 0)) greediest = connection;
    }
    let largest: CallWatch | undefined;
    for (const call of greediest?.calls ?? []) {
      if (call.mayBeRefused && call.bytes > 0) return call;
      if (call.bytes > (largest?.bytes ?? 0)) largest = call;
    }
    return largest;
  }

  #sweep(): void {
    const now = performance.now();
    for (const { calls } of this.#connections.values()) {
      for (const call of calls) {
        if (now - (call.unfinishedSince ?? now) < UNFINISHED_MS) continue;
        call.refuse(tooLate(`the request did not arrive within ${UNFINISHED_MS / 1000} seconds`));
      }
    }
  }
}

/** The events of one call that gRPC reports. */
export class CallWatch {
  readonly path: string;
  readonly isUnary: boolean;
  readonly messageBytesMax: number;
  readonly #isOwn: boolean;
  #refuse: (error: RpcError) => void;
  readonly #changed: (by: number) => void;
  readonly #ended: () => void;
  #bytes = 0;
  /** By performance.now(). */
  #unfinishedSince: number | undefined;
  #hasBegun = false;
  #isOver = false;

  constructor(
    about: {
      readonly path: string;
      readonly messageBytesMax: number;
      readonly isOwn: boolean;
      readonly isUnary: boolean;
      readonly refuse: (error: RpcError) => void;
    },
    report: { readonly changed: (by: number) => void; readonly ended: () => void },
  ) {
    this.path = about.path;
    this.messageBytesMax = about.messageBytesMax;
    this.#isOwn = about.isOwn;
    this.isUnary = about.isUnary;
    this.#refuse = about.refuse;
    this.#changed = report.changed;
    this.#ended = report.ended;
    if (about.isUnary) this.#unfinishedSince = performance.now();
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Since when the rest of a message is waited for; undefined: there is none. */
  get unfinishedSince(): number | undefined {
    return this.#unfinishedSince;
  }

  /** Nothing of it has been served: of a stream, of the message that has not arrived. */
  get mayBeRefused(): boolean {
    return this.mayBeEnded && !this.#hasBegun;
  }

  /** A stream, part of which has been served, only while a message of it has not arrived. */
  get mayBeEnded(): boolean {
    return !this.#isOver && (this.isUnary || this.#unfinishedSince !== undefined);
  }

  /** The largest size that a message of this compressed size may have. */
  decompressedBytesMax(compressed: number): number {
    return compressed * EXPANSION_MAX + EXPANSION_FREE;
  }

  /** What its handler gets in place of a message; undefined: the handler is not ours. */
  malformed(details: string): MalformedMessage | undefined {
    if (!this.#isOwn) return undefined;
    return new MalformedMessage(invalidArgument([{ field: 'request', description: details }]));
  }

  /** Called with the bytes that its messages take now. */
  holds(bytes: number): void {
    if (this.#isOver || bytes === this.#bytes) return;
    const by = bytes - this.#bytes;
    this.#bytes = bytes;
    this.#changed(by);
  }

  /** Whether a message of a stream has begun whose end has not come. */
  unfinished(isUnfinished: boolean): void {
    if (this.isUnary) return;
    if (!isUnfinished) this.#unfinishedSince = undefined;
    else this.#unfinishedSince ??= performance.now();
  }

  /** The handler of a unary call has its request. */
  begun(): void {
    this.#hasBegun = this.isUnary;
  }

  /** The caller sends nothing more. */
  requestEnded(): void {
    this.#unfinishedSince = undefined;
  }

  refuse(error: RpcError): void {
    if (this.#isOver) return;
    this.#refuse(this.#hasBegun ? outcomeUnknown(status.UNKNOWN) : error);
    this.end();
  }

  end(): void {
    if (this.#isOver) return;
    this.holds(0);
    this.#isOver = true;
    this.#unfinishedSince = undefined;
    // A set copies itself now and then, and its older copies refer to the newer ones: once V8 has
    // moved one of them to the old objects, the calls in all later ones stay until a full collection.
    this.#refuse = nothing;
    this.#ended();
  }
}

const nothing = () => undefined;
