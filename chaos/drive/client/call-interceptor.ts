import { type Client, InterceptingCall, type Interceptor, Metadata } from '@grpc/grpc-js';
import { type RegionName, regionNames } from '../../../regions/topology/layout.ts';
import type { SeededRandom } from '../../random.ts';
import type { CallFault, CallFaults } from './call-faults.ts';
import { connectionLost, DetachedCall } from './detached-call.ts';

/** Their requests may be sent any number of times, for their keys have one outcome. */
const KEYED = /\/(CreateTransfer|ChangeAccount|OpenAccount)$/u;
/** What is sent on the run's own account, after its caller has gone, may take so long. */
const OWN_DEADLINE_MS = 10_000;

type Method = Parameters<Interceptor>[0]['method_definition'];

/** How what is sent on the run's own account gets to a region's router; it meets no fault. */
export interface OwnCalls {
  readonly client: (router: RegionName) => Client;
  /** Sends a serialized request of a method that has keys as a call that is in the history. */
  readonly recorded: (router: RegionName, path: string, request: Buffer) => Promise<unknown>;
}

/**
 * Lets the calls of a run's clients meet the faults of the moment: each of them one at most.
 * Requests that carry an idempotency key are lost, repeated and held back; other unary calls are
 * only lost. The error of a lost one does not show whether it was applied.
 */
export class FaultyCalls {
  readonly #faults: CallFaults;
  readonly #random: SeededRandom;
  readonly #own: OwnCalls;
  readonly #waiting = new Set<NodeJS.Timeout>();
  #underWay = 0;
  #closed = false;

  constructor(faults: CallFaults, random: SeededRandom, own: OwnCalls) {
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

  /** What was to be sent later is dropped. */
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

  /** Some callers learn at once that the connection is gone, others wait in vain. */
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
        const times = 1 + this.#random.int(fault.times);
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

  /** A copy may decide its key, and its answer may reach no other caller: it is judged. */
  #copyAfter(afterMs: number, { path, requestSerialize }: Method, request: unknown): void {
    const bytes = requestSerialize(request);
    this.#after(afterMs, (router, done) => {
      void this.#own.recorded(router, path, bytes).finally(done);
    });
  }

  /** Sends the request of a caller who may have gone. */
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

  /** Does something later, through any router. */
  #after(afterMs: number, act: (router: RegionName, done: () => void) => void): void {
    if (this.#closed) return;
    const router = this.#random.pick(regionNames);
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
