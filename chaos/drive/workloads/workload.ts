import type { RegionName } from '../../../regions/topology/layout.ts';
import type { Caller } from '../client/caller.ts';
import type { Copy } from '../installation/installation.ts';
import type { SeededRandom } from '../../random.ts';

/** What a workload prepares itself with. */
export interface Setting {
  /** Keys and external ids of this workload in this run begin with it, or are in it. */
  readonly namespace: string;
  /** What the workload draws its own options from. */
  readonly random: SeededRandom;
  /** Every region, and the number of the book that is homed there. */
  readonly regions: readonly { readonly name: RegionName; readonly book: number }[];
  readonly copies: readonly Copy[];
  /** A client of the region's router for the preparation, before anything is broken. */
  caller(via: RegionName): Caller;
}

export interface Prepared {
  /** What was drawn from the seed, by name; written into the history. */
  readonly options: Readonly<Record<string, unknown>>;
  /**
   * What one client does next: a call, or a few that belong together. Many clients are in it at
   * once, each with its own caller. It takes part in no call's failure: what it needs of an
   * answer that did not come, it goes without.
   */
  step(caller: Caller, random: SeededRandom): Promise<void>;
}

/** A kind of load that makes a class of mistakes visible. */
export interface Workload {
  /** Such as bank. */
  readonly name: string;
  /** Its place in the catalogue, such as L1. */
  readonly place: string;
  /** What it does and what it would bring to light, in a sentence. */
  readonly description: string;
  /** Opens its accounts. Throws Error when one is refused, or not answered. */
  prepare(setting: Setting): Promise<Prepared>;
}
