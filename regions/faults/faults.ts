import type { CutMode } from './link.ts';
import type { RegionName } from '../topology/layout.ts';

export type FaultSignal = 'SIGKILL' | 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGSTOP' | 'SIGCONT';

/**
 * What can be broken, and repaired again, in an installation on this machine. The supervisor
 * implements it; drills and chaos use it from another process through its control socket
 * (control.ts) or, in tests, directly.
 *
 * Processes are named REGION/ROLE; in the embedded profile the ledger server of a further book of a
 * region is REGION/ledger-BOOK. In the replicated profile those that a region has once for
 * every book are named REGION/ROLE-BOOK: `patroni`, `postgres`, `ledger`, such as
 * eu-west/postgres-us-east-1. A signal to `postgres` reaches the server and all its children;
 * SIGKILL to any supervised process is followed by its restart, as on a real site, unless it
 * was stopped. Links of the embedded profile carry what goes to a region's ledger server.
 *
 * Every method throws an Error that names what does not exist or did not come up.
 */
export interface Faults {
  signal(process: string, signal: FaultSignal): Promise<void>;
  /** Kills it and keeps it down until `start`. */
  stop(process: string): Promise<void>;
  start(process: string): Promise<void>;
  /** Kills everything in the region at once and keeps it down; its links are cut. */
  loseRegion(region: RegionName): Promise<void>;
  /** Starts everything in the region again and heals its links. */
  restoreRegion(region: RegionName): Promise<void>;
  cut(from: RegionName, to: RegionName, mode: CutMode): Promise<void>;
  heal(from: RegionName, to: RegionName): Promise<void>;
  /** One-way delay of a link from now on; undefined: the delay of the layout. */
  delay(from: RegionName, to: RegionName, delayMs: number | undefined): Promise<void>;
}
