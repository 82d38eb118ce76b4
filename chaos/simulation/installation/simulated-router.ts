import type { PostReply } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { FaultCode } from '../../../proto/gen/meridian/internal/v1/book.ts';
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

/** Receives the answers to a caller; called more than once if more come later. */
export type OnAnswer = (response: CreateTransferResponse) => void;

/** The targets of a router's requests. */
interface Servers {
  readonly servers: ReadonlyMap<string, SimulatedLedgerServer>;
  readonly doors: Doors;
}

/** A call that a router has accepted. */
interface Call {
  readonly book: number;
  readonly request: CreateTransferRequest;
  readonly deadline: number;
  readonly onAnswer: OnAnswer;
  done: boolean;
}

/**
 * Finds the leader of a book by the statuses that it has received, and resends a request with the
 * same key until there is an outcome or the caller's deadline has passed.
 */
export class SimulatedRouter {
  readonly process: SimProcess;
  readonly topology: KnownLeaders;
  readonly #world: World;
  readonly #installation: Servers;
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
  }

  create(
    book: number,
    request: CreateTransferRequest,
    timeoutMs: number,
    onAnswer: OnAnswer,
  ): void {
    const deadline = this.#world.now + timeoutMs;
    this.#try({ book, request, deadline, onAnswer, done: false });
  }

  #try(call: Call): void {
    const left = call.deadline - this.#world.now;
    if (call.done || left <= 0) return;
    const { servers, doors } = this.#installation;
    const server = servers.get(this.topology.leaderOf(call.book) ?? '');
    if (server === undefined) {
      this.#again(call, PAUSE_MS);
      return;
    }
    this.#batch += 1n;
    const { request } = call;
    const asked = { batch: this.#batch, transfers: [request], timeoutMs: [Math.ceil(left)] };
    let answered = false;
    const receive = (reply: PostReply['reply']) => {
      if (reply?.$case === 'fault') {
        if (answered) return;
        answered = true;
        this.#fault(call, reply.value.code);
        return;
      }
      answered = true;
      for (const response of responsesOf(reply)) this.#answer(call, response);
    };
    const { incarnation } = this.process;
    this.#world.send(this.process, server.process, () => {
      doors.post(server, asked, (reply) => {
        this.#world.send(server.process, this.process, () => receive(reply), incarnation);
      });
    });
    this.#world.after(PATIENCE_MS, () => {
      if (!answered) this.#try(call);
    });
  }

  #answer(call: Call, response: CreateTransferResponse): void {
    // Too late to start: what an earlier attempt did is unknown.
    if (response.status === TransferStatus.UNSPECIFIED) return;
    call.done = true;
    call.onAnswer(response);
  }

  #fault(call: Call, code: FaultCode): void {
    if (code === FaultCode.INVALID) throw new Error('the simulation made an invalid request');
    this.#again(call, PAUSE_MS * this.#world.random.between(0.5, 2));
  }

  #again(call: Call, ms: number): void {
    this.#world.after(ms, () => this.#try(call));
  }
}

function responsesOf(reply: PostReply['reply']): CreateTransferResponse[] {
  if (reply?.$case === 'outcome') return reply.value.results;
  if (reply?.$case !== 'late') return [];
  return reply.value.results.flatMap(({ result }) => (result === undefined ? [] : [result]));
}
