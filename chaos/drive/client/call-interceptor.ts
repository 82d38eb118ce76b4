import { type Client, InterceptingCall, type Interceptor, Metadata } from '@grpc/grpc-js';
import type { RegionName } from '../../../regions/topology/topology.ts';
import type { Random } from '../../../ledger/core/random.ts';
import type { CallFault, CallFaults } from './call-faults.ts';
import { connectionLost, DetachedCall } from './detached-call.ts';

/** Methods whose requests may be sent any number of times, for a key has one outcome. */
const KEYED = /\/(CreateTransfer|ChangeAccount|OpenAccount)$/u;
/** Deadline of requests that the run itself sends after their caller has gone. */
const OWN_DEADLINE_MS = 10_000;

type Method = Parameters<Interceptor>[0]['method_definition'];

/** How requests that the run itself sends reach a router; they meet no fault. */
export interface OwnCalls {
  /** The regions whose routers may be asked. */
  readonly routers: readonly RegionName[];
  readonly client: (router: RegionName) => Client;
  /** Sends a serialized request of a method with keys, as a call recorded in the history. */
  readonly recorded: (router: RegionName, path: string, request: Buffer) => Promise<unknown>;
}

/**
 * Applies the active faults to the calls of a run's clients, at most one to each call. Requests
 * that carry an idempotency key are lost, repeated and held back; other unary calls are only lost.
 * The error of a lost one does not show whether it was applied.
 */
export class FaultyCalls {
  readonly #faults: CallFaults;
  readonly #random: Random;
  readonly #own: OwnCalls;
  readonly #waiting = new Set<NodeJS.Timeout>();
  #underWay = 0;
  #closed = false;

  constructor(faults: CallFaults, random: Random, own: OwnCalls) {
    this.#faults = faults;
    this.#random = random;
    this.#own = own;
  }

  /** Requests that may reach a router later, although no caller waits for their answer any more. */
  get pending(): number {
    return this.#waiting.size + this.#underWay;
  }

  /** For the clients of the region's router. */
  interceptor(router: RegionName): Interceptor {
    return (options, nextCall) => {
      const { method_definition: method } = options;
      const fault = this.#drawn(router, method);
      const deadline = Number(options.deadline ?? Infinity);
      switch (fault?.kind) {
        case undefined:
          return new InterceptingCall(nextCall(options));
        case 'lose_request':
          return new InterceptingCall(this.#loseRequest(deadline));
        case 'lose_reply':
          return this.#loseReply(deadline, nextCall(options));
        case 'repeat':
          return this.#repeat(fault, method, nextCall(options));
        case 'hold_back':
          return new InterceptingCall(this.#holdBack(fault, method, deadline));
      }
    };
  }

  /** Drops everything that was to be sent later. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#waiting) clearTimeout(timer);
    this.#waiting.clear();
  }

  #drawn(router: RegionName, { path, requestStream, responseStream }: Method) {
    if (requestStream || responseStream) return undefined;
    const keyed = KEYED.test(path);
    return this.#faults
      .of(router)
      .filter(({ kind }) => keyed || kind === 'lose_request' || kind === 'lose_reply')
      .find(({ share }) => this.#random.chance(share));
  }

  /** Some callers get an error at once, others wait until their deadline. */
  #failsAtOnce(deadline: number): boolean {
    return deadline === Infinity || this.#random.chance(0.5);
  }

  #loseRequest(deadline: number): DetachedCall {
    const call: DetachedCall = new DetachedCall(deadline, () => {
      if (this.#failsAtOnce(deadline)) call.fail(connectionLost());
    });
    return call;
  }

  #loseReply(deadline: number, next: ReturnType<NextOf>): InterceptingCall {
    const atOnce = this.#failsAtOnce(deadline);
    const caller = new DetachedCall(deadline, (request) => {
      next.start(new Metadata(), {
        onReceiveStatus: () => {
          if (atOnce) caller.fail(connectionLost());
        },
      });
      next.sendMessage(request);
      next.halfClose();
    });
    return new InterceptingCall(caller);
  }

  #repeat(fault: CallFault, method: Method, next: ReturnType<NextOf>): InterceptingCall {
    return new InterceptingCall(next, {
      sendMessage: (request, send) => {
        const times = 1 + this.#random.below(fault.times);
        for (let time = 0; time < times; time += 1) {
          const afterMs = this.#random.chance(0.5) ? 0 : this.#random.between(0, fault.upToMs);
          this.#copyAfter(afterMs, method, request);
        }
        send(request);
      },
    });
  }

  #holdBack({ upToMs }: CallFault, method: Method, deadline: number): DetachedCall {
    const call: DetachedCall = new DetachedCall(deadline, (request) => {
      this.#sendAfter(this.#random.between(0, upToMs), method, request, call);
    });
    return call;
  }

  /** Records the copy as a call: it may be the one that decides its key. */
  #copyAfter(afterMs: number, { path, requestSerialize }: Method, request: unknown): void {
    const bytes = requestSerialize(request);
    this.#after(afterMs, (router, done) => {
      void this.#own.recorded(router, path, bytes).finally(done);
    });
  }

  /** Sends the request of a caller that may have gone. */
  #sendAfter(afterMs: number, method: Method, request: unknown, caller: DetachedCall): void {
    const { path, requestSerialize, responseDeserialize } = method;
    this.#after(afterMs, (router, done) => {
      this.#own
        .client(router)
        .makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          new Metadata(),
          { deadline: Date.now() + OWN_DEADLINE_MS },
          (error, response) => {
            done();
            if (error === null) caller.answer(response);
            else caller.fail(error);
          },
        );
    });
  }

  /** Runs `act` later, with any router. */
  #after(afterMs: number, act: (router: RegionName, done: () => void) => void): void {
    if (this.#closed) return;
    const router = this.#random.pick(this.#own.routers);
    const timer = setTimeout(() => {
      this.#waiting.delete(timer);
      this.#underWay += 1;
      act(router, () => {
        this.#underWay -= 1;
      });
    }, afterMs);
    this.#waiting.add(timer);
  }
}

type NextOf = Parameters<Interceptor>[1];
