import type { Profile } from '../../../regions/config/scale.ts';
import type { RegionName } from '../../../regions/topology/layout.ts';
import type { Faults } from '../../../regions/faults/faults.ts';
import type { ClusterState } from '../../../regions/topology/state.ts';

export const profiles = ['embedded', 'replicated'] as const satisfies readonly Profile[];

/** One copy of a book: its database and the ledger server next to it. */
export interface Copy {
  readonly book: number;
  readonly bookName: string;
  /** Home region of the book. */
  readonly home: RegionName;
  /** Region of this copy. */
  readonly region: RegionName;
  readonly ledgerAddress: string;
  readonly adminUrl: string;
  readonly ledgerUrl: string;
  readonly auditorUrl: string;
  /** Process names for `Faults`. `patroni` is undefined in the embedded profile. */
  readonly processes: {
    readonly ledger: string;
    readonly postgres: string;
    readonly patroni: string | undefined;
  };
  /** Folder of its Postgres, on this machine. */
  readonly postgresFolder: string;
}

/** Means of an installation that was started for the run. */
export interface OwnMeans {
  /**
   * Shifts the wall clock of a ledger server or a router, named as in `Faults`, by this number of
   * milliseconds from now on; its monotonic clock is unchanged.
   */
  shiftClock(process: string, byMs: number): void;
}

/**
 * The installation under test: regions that were started for the run, or a user's own, which run
 * in another process.
 */
export interface Installation {
  readonly profile: Profile;
  /** The current state, as its supervisor reports it. */
  state(): ClusterState;
  readonly faults: Faults;
  readonly copies: readonly Copy[];
  /** True: links between the regions can be cut and slowed down. */
  readonly hasLinks: boolean;
  /** Undefined: a user's own. */
  readonly own: OwnMeans | undefined;
}

/** A book of the installation under test. */
export interface HomedBook {
  readonly number: number;
  readonly name: string;
  /** Its home. */
  readonly region: RegionName;
}

/** The books in the order of their homes; those of one region by number. */
export function booksOf(installation: Pick<Installation, 'copies' | 'state'>): HomedBook[] {
  const books = installation.copies
    .filter(({ region, home }) => region === home)
    .map(({ book: number, bookName: name, home: region }) => ({ number, name, region }))
    .toSorted((a, b) => a.number - b.number);
  return regionsOf(installation).flatMap((name) => books.filter(({ region }) => region === name));
}

export function regionsOf({ state }: Pick<Installation, 'state'>): RegionName[] {
  return state().regions.map(({ name }) => name);
}

/** The copies in the same Postgres as this one: in the embedded profile those of a whole region. */
export function copiesBeside(
  { copies }: Pick<Installation, 'copies'>,
  { processes }: Copy,
): Copy[] {
  return copies.filter((copy) => copy.processes.postgres === processes.postgres);
}

export function copiesOf({ copies }: Installation, book: number): Copy[] {
  return copies.filter((copy) => copy.book === book);
}
