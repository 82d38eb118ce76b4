import type { RegionName } from '../../../regions/topology/layout.ts';

/** What becomes of a whole call on its way to a router. */
export interface CallFault {
  /** `lose_request`: never sent. `lose_reply`: applied, but the caller gets no answer. */
  readonly kind: 'lose_request' | 'lose_reply' | 'repeat' | 'hold_back';
  /** Calls through this region's router; undefined: through any. */
  readonly router: RegionName | undefined;
  /** Of the calls, 0..1. */
  readonly share: number;
  /** Of `repeat`: how many more times, at most. */
  readonly times: number;
  /** Of `repeat` and `hold_back`: up to so long after, through any router. Milliseconds. */
  readonly upToMs: number;
}

/** The faults that calls of this run meet now. */
export class CallFaults {
  readonly #faults = new Set<CallFault>();

  /** What is given back ends it. */
  add(fault: CallFault): () => void {
    this.#faults.add(fault);
    return () => this.#faults.delete(fault);
  }

  /** Those that a call through this router may meet now. */
  of(router: RegionName): CallFault[] {
    return [...this.#faults].filter((fault) => (fault.router ?? router) === router);
  }
}
