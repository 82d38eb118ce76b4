import { must } from '../../../ledger/core/assert.ts';
import { FaultCode, PostReply, PostRequest } from '../../../proto/gen/meridian/internal/v1/book.ts';
import {
  type CreateTransferRequest,
  type CreateTransferResponse,
  TransferStatus,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { SimProcess, type World } from '../world.ts';
import type { Doors } from './doors.ts';
import type { SimulatedLedgerServer } from './simulated-ledger-server.ts';
import { KnownLeaders } from './known-leaders.ts';

/** A server that has not answered for this long is asked again, or another is. */
const PATIENCE_MS = 900;
const PAUSE_MS = 60;

/**
 * Receives the answers to a caller, each for the request of this index; called more than once for
 * one if more come later.
 */
export type OnAnswer = (index: number, response: CreateTransferResponse) => void;

/** The targets of a router's requests. */
interface Servers {
  readonly servers: ReadonlyMap<string, SimulatedLedgerServer>;
  readonly doors: Doors;
}

/** A call that a router has accepted. */
interface Call {
  readonly book: number;
  readonly requests: readonly CreateTransferRequest[];
  readonly deadline: number;
  readonly onAnswer: OnAnswer;
  /** Indexes of the requests without an answer. */
  readonly open: Set<number>;
}

/** What was sent at once, and the index of each request in its call. */
interface Batch {
  readonly call: Call;
  readonly indexes: readonly number[];
  answered: boolean;
}

/**
 * Finds the leader of a book by the statuses that it has received, and resends what has no answer,
 * with the same keys, until there is an outcome or the caller's deadline has passed. Requests and
 * replies travel as bytes.
 */
export class SimulatedRouter {
  readonly process: SimProcess;
  readonly topology: KnownLeaders;
  readonly #world: World;
  readonly #installation: Servers;
  /** By number. */
  readonly #batches = new Map<bigint, Batch>();
  #batch = 0n;

  constructor(world: World, region: string, installation: Servers) {
    this.process = new SimProcess(`router-${region}`, region);
    this.topology = new KnownLeaders(world);
    this.#world = world;
    this.#installation = installation;
  }

  crash(): void {
    this.#world.kill(this.process);
    this.topology.forget();
    this.#batches.clear();
  }

  /** Asks a book for transfers, in this order. */
  create(
    book: number,
    requests: readonly CreateTransferRequest[],
    timeoutMs: number,
    onAnswer: OnAnswer,
  ): void {
    const deadline = this.#world.now + timeoutMs;
    this.#try({ book, requests, deadline, onAnswer, open: new Set(requests.keys()) });
  }

  #try(call: Call): void {
    const left = call.deadline - this.#world.now;
    if (call.open.size === 0 || left <= 0) return;
    const { servers, doors } = this.#installation;
    const server = servers.get(this.topology.leaderOf(call.book) ?? '');
    if (server === undefined) {
      this.#again(call, PAUSE_MS);
      return;
    }
    this.#batch += 1n;
    const indexes = [...call.open];
    const batch: Batch = { call, indexes, answered: false };
    this.#batches.set(this.#batch, batch);
    const transfers = call.requests.filter((_, index) => call.open.has(index));
    const timeoutMs = transfers.map(() => Math.ceil(left));
    const runs = { runSequences: [Number(this.#batch)], runTransfers: [transfers.length] };
    const asked = { batch: this.#batch, transfers, timeoutMs, ...runs };
    const bytes = Buffer.from(PostRequest.encode(asked).finish());
    const { incarnation } = this.process;
    const source = {
      name: `${this.process.name} ${incarnation}`,
      write: (reply: Buffer) => {
        const receive = () => this.#receive(PostReply.decode(reply));
        this.#world.send(server.process, this.process, receive, incarnation);
      },
    };
    this.#world.send(this.process, server.process, () => doors.post(server, source, bytes));
    this.#world.after(PATIENCE_MS, () => {
      if (!batch.answered) this.#try(call);
    });
  }

  #receive({ reply }: PostReply): void {
    if (reply?.$case === 'fault') {
      const batch = this.#batches.get(reply.value.batch);
      if (batch === undefined || batch.answered) return;
      batch.answered = true;
      this.#fault(batch.call, reply.value.code);
    } else if (reply?.$case === 'outcome') {
      const batch = this.#batches.get(reply.value.batch);
      if (batch === undefined) return;
      batch.answered = true;
      for (const [place, result] of reply.value.results.entries()) {
        this.#answer(batch, place, result);
      }
    } else if (reply?.$case === 'late') {
      for (const { batch: number, index, result } of reply.value.results) {
        const batch = this.#batches.get(number);
        if (batch !== undefined && result !== undefined) this.#answer(batch, index, result);
      }
    }
  }

  #answer({ call, indexes }: Batch, place: number, response: CreateTransferResponse): void {
    // Too late to start: what an earlier attempt did is unknown.
    if (response.status === TransferStatus.UNSPECIFIED) return;
    const index = must(indexes[place], 'a reply has a result for each request');
    call.open.delete(index);
    call.onAnswer(index, response);
  }

  #fault(call: Call, code: FaultCode): void {
    if (code === FaultCode.INVALID) throw new Error('the simulation made an invalid request');
    this.#again(call, PAUSE_MS * this.#world.random.between(0.5, 2));
  }

  #again(call: Call, ms: number): void {
    this.#world.after(ms, () => this.#try(call));
  }
}
