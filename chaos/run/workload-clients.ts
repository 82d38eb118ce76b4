import { setTimeout as sleep } from 'node:timers/promises';
import type { RegionName } from '../../regions/topology/layout.ts';
import type { Caller } from '../drive/client/caller.ts';
import { Random } from '../../ledger/core/random.ts';
import type { Prepared } from '../drive/workloads/workload.ts';
import type { RunPlan } from './plan.ts';

export interface WorkloadOptions {
  readonly plan: RunPlan;
  readonly workloads: readonly { readonly prepared: Prepared; readonly weight: number }[];
  readonly regions: readonly RegionName[];
  readonly caller: (via: RegionName) => Caller;
}

/**
 * The clients of a run, spread over the regions. Each makes one call after another, so an
 * installation that hangs gets at most one call of each client.
 */
export class WorkloadClients {
  readonly #options: WorkloadOptions;
  readonly #stop = new AbortController();
  readonly #clients = new Set<Promise<void>>();
  #times = 1;
  #started = 0;
  #failure: Error | undefined;

  constructor(options: WorkloadOptions) {
    this.#options = options;
  }

  start(): void {
    this.#startUpTo(this.#options.plan.clients);
  }

  /** From now on, multiplies the number of clients by this and divides their rests by it. */
  overload(times: number): void {
    this.#times = times;
    this.#startUpTo(Math.round(this.#options.plan.clients * times));
  }

  /** Begins no more calls and waits for those under way. Throws what a workload threw. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#clients);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #startUpTo(clients: number): void {
    for (let index = this.#clients.size; index < clients; index += 1) {
      const client = this.#client(index).catch((error: unknown) => {
        // A workload never throws because a call failed: this is a bug of the suite.
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      });
      this.#clients.add(client);
      void client.finally(() => this.#clients.delete(client));
    }
  }

  async #client(index: number): Promise<void> {
    const { plan, regions, workloads } = this.#options;
    this.#started += 1;
    const random = new Random(plan.seed * 7_919 + this.#started);
    const via = regions[index % regions.length];
    if (via === undefined) throw new RangeError('there are no regions to ask in');
    const caller = this.#options.caller(via);
    const total = workloads.reduce((sum, { weight }) => sum + weight, 0);
    while (!this.#stop.signal.aborted && index < plan.clients * this.#times) {
      let left = random.next() * total;
      const drawn = workloads.find(({ weight }) => (left -= weight) < 0) ?? workloads[0];
      await drawn?.prepared.step(caller, random);
      const rest = (random.between(0, 2) * plan.thinkMs) / this.#times;
      await sleep(rest, undefined, { signal: this.#stop.signal }).catch(() => {});
    }
  }
}
