import { must } from '../../ledger/core/assert.ts';
import { Random } from '../../ledger/core/random.ts';
import type { AccountPools } from './account-pools.ts';
import { countStatuses } from './answer-scan.ts';
import {
  type RepeatableCall,
  drawTransfer,
  EncodedCall,
  type PayersAndPayees,
  transferOf,
} from './encoded-requests.ts';
import type { Acknowledged, CallsJob, LoadResult, Route, TouchJob } from './job.ts';
import { newHistogram, processorWatch, RateMeter, record, summary } from './meter.ts';
import { type CallCycle, mixedCalls } from './mixed-calls.ts';
import type { RouterClient } from './router-client.ts';
import { RedrawnCall } from './redrawn-call.ts';
import { AcknowledgedTally } from './acknowledged-tally.ts';
import type { TimeOrderedKeys } from './time-ordered-keys.ts';

/** Different calls that each place in flight goes through, so that batches are not all alike. */
const CALLS_PER_SLOT = 8;
const SEED = 20_261_121;
/** Of redrawn calls, which the next job must not draw alike. */
let jobs = 0;
/** By the accounts of the payers, then by route. */
const drawn = new WeakMap<BigInt64Array, Map<string, readonly CallCycle[]>>();
const NO_WINDOW = { warmUpMs: 0, measureMs: Number.MAX_SAFE_INTEGER };

interface Parts {
  readonly pools: AccountPools;
  readonly keys: TimeOrderedKeys;
  readonly client: (router: string) => RouterClient;
}

/** Keeps calls of many requests in flight on every route until the window ends. */
export async function runCalls(parts: Parts, job: CallsJob): Promise<LoadResult> {
  const { itemsPerCall, window, requestsMax = Infinity } = job;
  const routes = job.routes.map((route) => ({
    client: parts.client(route.router),
    tally: new AcknowledgedTally(route.from),
    slots: slotsOf(parts.pools, job, route),
  }));
  const meter = new RateMeter(window, performance.now());
  const loop = new CallLoop(parts.keys, meter);
  let sent = 0;
  const running = routes.flatMap(({ client, tally, slots }) => {
    const waitMs = paceOf(job);
    return slots.map((cycle) => {
      const turns = inTurns(cycle);
      const take = () => {
        if (performance.now() >= meter.endsAt || sent >= requestsMax) return undefined;
        sent += itemsPerCall;
        return turns.next().value;
      };
      return loop.run(client, tally, take, waitMs);
    });
  });
  await Promise.all(running);
  return loop.result(routes.map(({ tally }) => tally.acknowledged));
}

/** Returns how long the next call of a route is to wait, in milliseconds. */
function paceOf({ callsPerSecond }: CallsJob): () => number {
  if (callsPerSecond === undefined) return () => 0;
  let due = performance.now();
  return () => {
    const now = performance.now();
    // What was held up is not caught up with: the rate is the highest, not the mean.
    const at = Math.max(due, now);
    due = at + 1_000 / callsPerSecond;
    return at - now;
  };
}

/** Each place in flight has calls of its own: one is only written over after its answer. */
function slotsOf(pools: AccountPools, job: CallsJob, route: Route): readonly CallCycle[] {
  const { itemsPerCall, inFlight } = job;
  const repeat = (newCycle: () => CallCycle) => Array.from({ length: inFlight }, newCycle);
  const parties = pools.parties(route, job.requests === 'mixed');
  switch (job.requests) {
    case 'plain':
      return plainSlots(parties, job, route);
    case 'mixed': {
      const random = new Random(SEED);
      return repeat(() => mixedCalls(parties, random, itemsPerCall, CALLS_PER_SLOT));
    }
    case 'redrawn': {
      jobs += 1;
      const random = new Random(SEED + jobs);
      const accounts = pools.encoded(route.from);
      const newCall = () => new RedrawnCall(accounts, random, itemsPerCall);
      return repeat(() => ({ first: undefined, calls: [newCall()] }));
    }
  }
}

/**
 * Drawn once for all rounds. To draw thousands of transfers leaves garbage that would be collected
 * while the load goes on.
 */
function plainSlots(
  parties: PayersAndPayees,
  { itemsPerCall, inFlight }: CallsJob,
  route: Route,
): readonly CallCycle[] {
  const ofAccounts = drawn.get(parties.payers) ?? new Map<string, readonly CallCycle[]>();
  drawn.set(parties.payers, ofAccounts);
  const name = JSON.stringify([route, itemsPerCall, inFlight]);
  const known = ofAccounts.get(name);
  if (known !== undefined) return known;
  const random = new Random(SEED);
  const newCall = () =>
    new EncodedCall(Array.from({ length: itemsPerCall }, () => drawTransfer(parties, random)));
  const slots = Array.from({ length: inFlight }, () => ({
    first: undefined,
    calls: Array.from({ length: CALLS_PER_SLOT }, newCall),
  }));
  ofAccounts.set(name, slots);
  return slots;
}

function* inTurns({ first, calls }: CallCycle): Generator<RepeatableCall, never> {
  if (first !== undefined) yield first;
  for (;;) yield* calls;
}

/** Touches every account of a region by one transfer. */
export async function runTouch(parts: Parts, job: TouchJob): Promise<LoadResult> {
  const accounts = parts.pools.of(job.region);
  let next = 0;
  const take = (): EncodedCall | undefined => {
    const transfers = [];
    while (transfers.length < job.itemsPerCall && next + 1 < accounts.length) {
      const debit = must(accounts[next], 'the account exists');
      const credit = must(accounts[next + 1], 'the account exists');
      transfers.push(transferOf(debit, credit, 1n));
      next += 2;
    }
    return transfers.length > 0 ? new EncodedCall(transfers) : undefined;
  };
  const loop = new CallLoop(parts.keys, new RateMeter(NO_WINDOW, performance.now()));
  const tally = new AcknowledgedTally(job.region);
  const client = parts.client(job.router);
  await Promise.all(Array.from({ length: job.inFlight }, () => loop.run(client, tally, take)));
  return loop.result([tally.acknowledged]);
}

/** Sends one call after the other in each of its runs, and measures them together. */
class CallLoop {
  readonly #keys: TimeOrderedKeys;
  readonly #meter: RateMeter;
  readonly #latency = newHistogram();
  readonly #errors: string[] = [];
  readonly #processorSeconds = processorWatch();
  #failedCalls = 0;

  constructor(keys: TimeOrderedKeys, meter: RateMeter) {
    this.#keys = keys;
    this.#meter = meter;
  }

  /**
   * Sends what `take` returns until it returns nothing, or until a call fails.
   * @param waitMs how long a call waits before it is taken
   */
  run(
    client: RouterClient,
    tally: AcknowledgedTally,
    take: () => RepeatableCall | undefined,
    waitMs: () => number = () => 0,
  ): Promise<void> {
    return new Promise((resolve) => {
      const goOn = () => {
        const ms = waitMs();
        if (ms > 0) setTimeout(sendNext, ms);
        else sendNext();
      };
      const sendNext = () => {
        const call = take();
        if (call === undefined) {
          resolve();
          return;
        }
        const sentAt = performance.now();
        client.createTransfers(call.withFreshKeys(this.#keys), (error, answer) => {
          const now = performance.now();
          if (answer === undefined) {
            // The part is void then; a router that fails is not hammered until the window ends.
            this.#failedCalls += 1;
            this.#errors.push(error ?? 'no answer');
            resolve();
            return;
          }
          tally.add(call.items, countStatuses(answer), call.effects);
          this.#meter.completed(call.items, now);
          if (now >= this.#meter.startsAt) record(this.#latency, now - sentAt);
          goOn();
        });
      };
      goOn();
    });
  }

  result(acknowledged: Acknowledged[]): LoadResult {
    return {
      acknowledged,
      failedCalls: this.#failedCalls,
      unsentCalls: 0,
      errors: this.#errors.slice(0, 3),
      perSecond: this.#meter.perSecond,
      latency: summary(this.#latency),
      sendDelay: undefined,
      processorSeconds: this.#processorSeconds(),
    };
  }
}
