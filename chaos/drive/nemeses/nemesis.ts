import type { CallFaults } from '../client/call-faults.ts';
import type { Harm } from '../../judge/history/record.ts';
import type { Profile } from '../../../regions/config/scale.ts';
import type { Copy, Installation } from '../installation/installation.ts';
import type { Random } from '../../../ledger/core/random.ts';

/** The environment of a nemesis. */
export interface Scene {
  readonly installation: Installation;
  readonly random: Random;
  /** Faults of whole calls, between the clients of the run and the routers. */
  readonly calls: CallFaults;
  /** The copy whose ledger server leads the book now, as far as is known. */
  leader(book: number): Copy | undefined;
  /** The load is this many times the usual one from now on; 1: as usual. */
  overload(times: number): void;
  /** Aborted when the run ends early: all waits must give up. */
  readonly signal: AbortSignal;
  /** Shows a line to the user who watches the run. */
  report(text: string): void;
}

/** One fault, aimed and not yet begun. */
export interface Strike {
  /** Its targets, such as eu-west/ledger or eu-west>us-east. */
  readonly targets: readonly string[];
  /** Calls that it may touch while it lasts, and for a while after: be exact, I22 relies on it. */
  readonly harms: readonly Harm[];
  /** Begins the fault. A course of its own (flapping, a zombie) continues in the background. */
  begin(): Promise<void>;
  /**
   * Heals everything; also called when `begin` threw, and safe then. Throws Error when something is
   * left broken.
   */
  end(): Promise<void>;
}

export interface Nemesis {
  /** Such as pause-leader. */
  readonly name: string;
  /** Its place in the catalogue, such as N3. */
  readonly place: string;
  /** What it breaks and how, in a sentence. */
  readonly description: string;
  readonly profiles: readonly Profile[];
  /** Range of its duration in milliseconds, [min, max]; drawn from the seed. */
  readonly lastsMs: readonly [number, number];
  /** True: nothing else may be broken meanwhile, since no call would have to be served then. */
  readonly alone: boolean;
  /** Returns why it cannot run here, in a sentence; '': it can. Called once, before the run. */
  whyNot(installation: Installation): Promise<string>;
  /** Chooses its target by the seed and the current roles. Breaks nothing yet. */
  aim(scene: Scene): Promise<Strike>;
}
