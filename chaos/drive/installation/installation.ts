import type { RegionName } from '../../../regions/topology/layout.ts';
import type { Faults } from '../../../regions/faults/faults.ts';
import type { ClusterState } from '../../../regions/topology/state.ts';

export const profiles = ['embedded', 'replicated'] as const;
export type Profile = (typeof profiles)[number];

/** One copy of a book: its database and the ledger server next to it. */
export interface Copy {
  readonly book: number;
  readonly bookName: string;
  /** Home region of the book. */
  readonly home: RegionName;
  /** Where this copy is. */
  readonly region: RegionName;
  readonly ledgerAddress: string;
  readonly adminUrl: string;
  readonly ledgerUrl: string;
  readonly auditorUrl: string;
  /** Names that `Faults` knows. Of the embedded profile, `patroni` is undefined. */
  readonly processes: {
    readonly ledger: string;
    readonly postgres: string;
    readonly patroni: string | undefined;
  };
  /** Folder of its Postgres, on this machine. */
  readonly postgresFolder: string;
}

/** What only an installation that was started for the run has. */
export interface OwnMeans {
  /**
   * Shifts the wall clock of a ledger server or a router, named as `Faults` has it, by this
   * number of milliseconds from now on; its monotonic clock goes on as it was.
   */
  shiftClock(process: string, byMs: number): void;
}

/**
 * What is put under chaos: three regions that were started for the run, or a user's own, which
 * run in another process.
 */
export interface Installation {
  readonly profile: Profile;
  /** As its supervisor has it now. */
  state(): ClusterState;
  readonly faults: Faults;
  readonly copies: readonly Copy[];
  /** True: links between the regions can be cut and slowed down. */
  readonly hasLinks: boolean;
  /** Undefined: a user's own. */
  readonly own: OwnMeans | undefined;
}

export function copiesOf({ copies }: Installation, book: number): Copy[] {
  return copies.filter((copy) => copy.book === book);
}
