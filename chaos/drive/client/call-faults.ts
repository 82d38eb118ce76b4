import type { RegionName } from '../../../regions/topology/layout.ts';

/** A fault of a whole call on its way to a router. */
export interface CallFault {
  /** `lose_request`: never sent. `lose_reply`: applied, but the caller gets no answer. */
  readonly kind: 'lose_request' | 'lose_reply' | 'repeat' | 'hold_back';
  /** Calls through this region's router; undefined: through any. */
  readonly router: RegionName | undefined;
  /** Share of the calls, 0 to 1. */
  readonly share: number;
  /** Of `repeat`: maximum number of extra sends. */
  readonly times: number;
  /** Of `repeat` and `hold_back`: maximum delay in milliseconds; sent through any router. */
  readonly upToMs: number;
}

/** The faults that are active for calls of this run. */
export class CallFaults {
  readonly #faults = new Set<CallFault>();

  /** Adds a fault. Returns a function that removes it. */
  add(fault: CallFault): () => void {
    this.#faults.add(fault);
    return () => this.#faults.delete(fault);
  }

  /** Returns the active faults of calls through this router. */
  of(router: RegionName): CallFault[] {
    return [...this.#faults].filter((fault) => (fault.router ?? router) === router);
  }
}
