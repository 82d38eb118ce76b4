import { createServer, connect, type Server, type Socket } from 'node:net';

/**
 * A TCP proxy for one directed link between two regions, which can be cut, healed and slowed
 * down. It never loses, reorders or invents bytes of a connection that lives.
 *
 * 'refuse': existing connections are reset, new ones too (a router answers "no route").
 * 'blackhole': existing connections stay open and silent, new ones are reset.
 * 'lost_requests', 'lost_replies': one way is silent, that of the client that opens connections
 * through the link or the way back to it, while the other way flows; new connections open
 * and behave the same. Data that is held up arrives once the link is healed.
 */
export const cutModes = ['refuse', 'blackhole', 'lost_requests', 'lost_replies'] as const;
export type CutMode = (typeof cutModes)[number];
export type LinkState = 'open' | CutMode;

/** Bytes that one direction of one connection may hold back before its source is paused. */
const heldBytesMost = 1024 * 1024;
const loopback = '127.0.0.1';

export interface LinkOptions {
  /** The port to listen on; 0 for any free one. */
  readonly port: number;
  readonly targetPort: number;
  /** Address to listen on, and that of the target; 127.0.0.1 when left out. */
  readonly host?: string;
  readonly targetHost?: string;
  /** Delay of each direction in milliseconds; a round trip takes it twice. Default 0. */
  readonly delayMs?: number;
}

/** One direction of one connection: bytes of `source`, in order, to `sink`, not before due. */
class Flow {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #delayMs: () => number;
  readonly #queue: { dueAt: number; chunk: Buffer | 'end' }[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #sinkFull = false;
  #frozen = false;

  constructor(source: Socket, sink: Socket, delayMs: () => number) {
    this.#source = source;
    this.#sink = sink;
    this.#delayMs = delayMs;
    source.on('data', (chunk: Buffer) => this.#take(chunk));
    source.on('end', () => this.#take('end'));
    sink.on('drain', () => {
      this.#sinkFull = false;
      this.#pump();
    });
  }

  /** A frozen flow neither reads nor writes; the kernel's buffers hold back the sender. */
  freeze(frozen: boolean): void {
    this.#frozen = frozen;
    this.#pump();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }

  #take(chunk: Buffer | 'end'): void {
    const last = this.#queue.at(-1);
    // A shortened delay must not let newer bytes overtake older ones.
    const dueAt = Math.max(performance.now() + this.#delayMs(), last?.dueAt ?? 0);
    this.#queue.push({ dueAt, chunk });
    this.#heldBytes += chunk === 'end' ? 0 : chunk.length;
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    while (!this.#frozen && !this.#sinkFull && !this.#sink.destroyed) {
      const first = this.#queue[0];
      if (first === undefined) break;
      const waitMs = first.dueAt - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pump(), Math.ceil(waitMs));
        break;
      }
      this.#queue.shift();
      if (first.chunk === 'end') this.#sink.end();
      else {
        this.#heldBytes -= first.chunk.length;
        this.#sinkFull = !this.#sink.write(first.chunk);
      }
    }
    if (this.#frozen || this.#sinkFull || this.#heldBytes >= heldBytesMost) this.#source.pause();
    else this.#source.resume();
  }
}

interface Pair {
  readonly sockets: readonly [Socket, Socket];
  /** What the client that opened the connection sends and receives. */
  readonly flows: readonly [requests: Flow, replies: Flow];
}

/** Freezes the flows that are silent in this state, and lets the others flow. */
function freeze({ flows: [requests, replies] }: Pair, state: Exclude<LinkState, 'refuse'>): void {
  requests.freeze(state === 'blackhole' || state === 'lost_requests');
  replies.freeze(state === 'blackhole' || state === 'lost_replies');
}

/** One directed link. Make it with `openLink`. */
export class Link {
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #pairs = new Set<Pair>();
  #delayMs: number;
  #state: LinkState = 'open';

  constructor(server: Server, options: LinkOptions) {
    this.#server = server;
    this.#target = { host: options.targetHost ?? loopback, port: options.targetPort };
    this.#delayMs = options.delayMs ?? 0;
    server.on('connection', (socket) => this.#accept(socket));
  }

  get state(): LinkState {
    return this.#state;
  }

  /** The port that it listens on, also while it is cut. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** How many connections pass through, black-holed ones included. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Sets the delay of each direction in milliseconds, for what is sent from now on. */
  setDelay(delayMs: number): void {
    if (!(delayMs >= 0)) throw new Error(`a delay must be 0 ms or more, not ${delayMs}`);
    this.#delayMs = delayMs;
  }

  /** Cuts the link. Cutting a cut link changes the mode. */
  cut(mode: CutMode = 'refuse'): void {
    this.#state = mode;
    for (const pair of this.#pairs) {
      if (mode === 'refuse') for (const socket of pair.sockets) socket.resetAndDestroy();
      else freeze(pair, mode);
    }
  }

  /** Lets everything pass again; connections that were silent continue where they stopped. */
  heal(): void {
    this.#state = 'open';
    for (const pair of this.#pairs) freeze(pair, 'open');
  }

  /** Ends every connection and stops listening. Safe to call again. */
  async close(): Promise<void> {
    for (const { sockets } of this.#pairs) for (const socket of sockets) socket.destroy();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #accept(near: Socket): void {
    // A cut link keeps listening, so that no process takes its port; the caller sees a reset.
    if (this.#state === 'refuse' || this.#state === 'blackhole') {
      near.on('error', () => {});
      near.resetAndDestroy();
      return;
    }
    const far = connect({ ...this.#target, allowHalfOpen: true });
    const delayMs = () => this.#delayMs;
    const pair: Pair = {
      sockets: [near, far],
      flows: [new Flow(near, far, delayMs), new Flow(far, near, delayMs)],
    };
    this.#pairs.add(pair);
    freeze(pair, this.#state);
    for (const socket of pair.sockets) {
      const other = socket === near ? far : near;
      socket.setNoDelay(true);
      // A reset on one side is a reset on the other; half-closing is passed on by the flows.
      socket.on('error', () => other.resetAndDestroy());
      socket.on('close', () => {
        if (near.destroyed && far.destroyed) this.#forget(pair);
      });
    }
  }

  #forget(pair: Pair): void {
    for (const flow of pair.flows) flow.close();
    this.#pairs.delete(pair);
  }
}

/** Opens a link that passes everything. Throws when the port is taken. */
export async function openLink(options: LinkOptions): Promise<Link> {
  const server = createServer({ allowHalfOpen: true });
  const link = new Link(server, options);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host ?? loopback, port: options.port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return link;
}
