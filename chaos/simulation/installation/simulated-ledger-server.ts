import { EventEmitter } from 'node:events';
import { BookMember } from '../../../ledger/member/book-member.ts';
import type { Logger } from '../../../ledger/logger.ts';
import type { Leaders } from '../../../ledger/rpc/leaders.ts';
import { ledgerTuning } from '../../../ledger/ledger-tuning.ts';
import { measured } from '../../../ledger/rpc/message-bytes.ts';
import { bookService } from '../../../ledger/service/post-method.ts';
import { servePostStream } from '../../../ledger/service/post-stream.ts';
import { compareChannel } from '../../../ledger/service/compare-channel.ts';
import { settle } from '../../../ledger/service/settle.ts';
import type { EventStream } from '../../../ledger/service/subscription.ts';
import { Subscriptions } from '../../../ledger/service/subscriptions.ts';
import type { ReadOptions } from '../../../proto/gen/meridian/v1/position.ts';
import type { AskedRead, ReadAnswer } from '../recorded-reads.ts';
import { answerRead } from './answer-read.ts';
import type { Book } from '../../../ledger/core/book.ts';
import type { DatabaseNode } from '../database/node.ts';
import type {
  CompareChannelReply,
  CompareChannelRequest,
  PostReply,
  SettleReply,
  SettleRequest,
} from '../../../proto/gen/meridian/internal/v1/book.ts';
import { standInFor } from '../../stand-in-for.ts';
import type { DrawnTuning } from '../swarm.ts';
import { SimProcess, type World } from '../world.ts';
import { type ServerStatus, KnownLeaders } from './known-leaders.ts';
import { SimulatedDatabase } from '../database/simulated-store.ts';

/** How often a server repeats its status, for processes that have not received it. */
const STATUS_MS = 800;

export interface ServerParts {
  readonly world: World;
  readonly book: Book;
  readonly books: readonly Book[];
  readonly node: DatabaseNode;
  /** Settings that differ from their defaults. */
  readonly tuning: DrawnTuning;
  /** Delivers legs to the leader of another book, as the sender's gRPC client does. */
  readonly settleAt: (
    from: SimulatedLedgerServer,
    peer: string,
    request: SettleRequest,
  ) => Promise<SettleReply>;
  /** Asks the leader of another book to compare a channel, likewise. */
  readonly compareAt: (
    from: SimulatedLedgerServer,
    peer: string,
    request: CompareChannelRequest,
  ) => Promise<CompareChannelReply>;
  /** Called with every status that it publishes. */
  readonly onStatus: (from: SimulatedLedgerServer, status: ServerStatus) => void;
  /** Called when the process ends on its own, which it never should. */
  readonly onDeath: (from: SimulatedLedgerServer, error: unknown) => void;
}

/** A router's stream of requests to a ledger server. */
export interface PostSource {
  readonly name: string;
  /** Sends a reply, in bytes. */
  readonly write: (reply: Buffer) => void;
}

/**
 * One ledger server: the ledger's own member, leader, senders and services, with a simulated
 * database next to it and simulated calls between servers.
 */
export class SimulatedLedgerServer {
  readonly name: string;
  readonly process: SimProcess;
  readonly topology: KnownLeaders;
  readonly #parts: ServerParts;
  readonly #postMethod: ReturnType<typeof bookService>['post'];
  /** Of routers, by their name: what comes on one is posted in its order. */
  readonly #streams = new Map<string, EventEmitter>();
  #member: BookMember | undefined;
  #subscriptions: Subscriptions | undefined;

  constructor(parts: ServerParts) {
    const { region } = parts.node.process;
    this.name = `ledger-${parts.book.number}-${region}`;
    this.process = new SimProcess(this.name, region, true);
    this.topology = new KnownLeaders(parts.world);
    this.#postMethod = measured(bookService(parts.book.number)).post;
    this.#parts = parts;
  }

  get node(): DatabaseNode {
    return this.#parts.node;
  }

  get book(): Book {
    return this.#parts.book;
  }

  /** Undefined while the process is down. */
  get member(): BookMember | undefined {
    return this.process.up ? this.#member : undefined;
  }

  start(): void {
    this.process.up = true;
    this.#parts.world.as(this.process, () => this.#start());
  }

  crash(): void {
    this.#parts.world.kill(this.process);
    this.topology.forget();
  }

  #start(): void {
    const { world, book, books, node, settleAt, compareAt } = this.#parts;
    const config = {
      book,
      books,
      address: this.name,
      database: new SimulatedDatabase(world, node),
      redisUrl: `redis://redis-${this.process.region}`,
      replicated: true,
      serverRegion: this.process.region,
      tuning: { ...ledgerTuning, ...this.#parts.tuning },
    };
    const leaders = {
      // Each server has a wall clock of its own.
      peerCount: 0,
      peerClocks: () => [],
      askClocks: () => Promise.resolve([]),
      leaderOf: (peerBook: number) => {
        const peer = this.topology.leaderOf(peerBook);
        return peer === undefined
          ? undefined
          : {
              posting: {
                settle: (request: SettleRequest, _: unknown, __: unknown, answer: Answer) =>
                  answered(settleAt(this, peer, request), answer),
                compareChannel: (
                  request: CompareChannelRequest,
                  _: unknown,
                  __: unknown,
                  answer: Answer,
                ) => answered(compareAt(this, peer, request), answer),
              },
            };
      },
    };
    const member = new BookMember(config, standInFor<Leaders>(leaders), this.#logger());
    this.#member = member;
    this.#streams.clear();
    this.#subscriptions = new Subscriptions(member, this.#logger());
    member.onStatus(() => this.#publishStatus());
    const repeat = () => {
      this.#publishStatus();
      world.after(STATUS_MS * world.random.between(0.8, 1.2), repeat);
    };
    repeat();
    member.run().catch((error: unknown) => this.#parts.onDeath(this, error));
  }

  #publishStatus(): void {
    const { status } = this.#member ?? {};
    if (status === undefined) return;
    const { leading, epoch } = status;
    this.#parts.onStatus(this, { server: this.name, book: this.book.number, epoch, leading });
  }

  /** Serves one request of a router's stream, in bytes as gRPC has them; so are the answers. */
  post(source: PostSource, bytes: Buffer): void {
    const { member } = this;
    if (member === undefined) return;
    const { requestDeserialize, responseSerialize } = this.#postMethod;
    let stream = this.#streams.get(source.name);
    if (stream === undefined) {
      stream = Object.assign(new EventEmitter(), {
        write: (reply: PostReply | Buffer) => source.write(responseSerialize(reply)),
        end: () => undefined,
      });
      servePostStream(member, standInFor<Parameters<typeof servePostStream>[1]>(stream));
      this.#streams.set(source.name, stream);
    }
    stream.emit('data', requestDeserialize(bytes));
  }

  /** Applies legs of another book; rejects as the call would. */
  async settle(request: SettleRequest): Promise<SettleReply> {
    const { member } = this;
    if (member === undefined) throw new Error('the server is down');
    return settle(member, this.#logger(), request);
  }

  /** Compares a channel with another book; rejects as the call would. */
  async compareChannel(request: CompareChannelRequest): Promise<CompareChannelReply> {
    const { member } = this;
    if (member === undefined) throw new Error('the server is down');
    return compareChannel(member, this.#logger(), request);
  }

  /** Answers a read; rejects as the call would. */
  async read(asked: AskedRead, options: ReadOptions): Promise<ReadAnswer> {
    const { member } = this;
    if (member === undefined) throw new Error('the server is down');
    return answerRead(member, asked, options);
  }

  /** Serves a subscriber until it, or this server, ends that. */
  subscribe(stream: EventStream): void {
    this.#subscriptions?.serve(stream).catch((error: unknown) => this.#parts.onDeath(this, error));
  }

  #logger(): Logger {
    const { world } = this.#parts;
    const log = (message: string, fields: Record<string, unknown> = {}) => {
      const rest = Object.entries(fields).map(([name, value]) => `${name}=${String(value)}`);
      world.log(`${this.name}: ${message} ${rest.join(' ')}`);
    };
    return { debug: log, info: log, warn: log, error: log };
  }
}

type Answer = (error: Error | null, reply?: unknown) => void;

/** Answers as the gRPC client of a ledger server does. */
function answered(reply: Promise<unknown>, answer: Answer): { readonly cancel: () => void } {
  reply.then(
    (value) => answer(null, value),
    (error: unknown) => answer(error instanceof Error ? error : new Error('lost')),
  );
  return { cancel: () => undefined };
}
