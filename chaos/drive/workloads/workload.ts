import type { RegionName } from '../../../regions/topology/layout.ts';
import type { Caller } from '../client/caller.ts';
import type { Copy, HomedBook } from '../installation/installation.ts';
import type { Random } from '../../../ledger/core/random.ts';

/** The environment for the preparation of a workload. */
export interface WorkloadSetting {
  /** Keys and external ids of this workload in this run begin with it, or contain it. */
  readonly namespace: string;
  /** Generator for the options of the workload. */
  readonly random: Random;
  readonly regions: readonly { readonly name: RegionName }[];
  /** In the order of the regions. */
  readonly books: readonly HomedBook[];
  readonly copies: readonly Copy[];
  /** A client of the region's router for the preparation, before any fault. */
  caller(via: RegionName): Caller;
}

export interface Prepared {
  /** Options drawn from the seed, by name; written into the history. */
  readonly options: Readonly<Record<string, unknown>>;
  /**
   * The next step of one client: a call, or a few that belong together. Many clients run it at
   * once, each with its own caller. A step must not throw when a call fails: it goes on without the
   * answer.
   */
  step(caller: Caller, random: Random): Promise<void>;
}

/** A kind of load that exposes a class of bugs. */
export interface Workload {
  /** Such as bank. */
  readonly name: string;
  /** Its place in the catalogue, such as L1. */
  readonly place: string;
  /** What it does and the bugs that it would expose, in a sentence. */
  readonly description: string;
  /** Opens its accounts. Throws Error when one is refused, or not answered. */
  prepare(setting: WorkloadSetting): Promise<Prepared>;
}
