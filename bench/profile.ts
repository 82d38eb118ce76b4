import type { Window } from './load/job.ts';

/** The parts of the benchmark, by the letters that the options and the results use. */
export const partNames = [
  'a',
  'b',
  'c',
  'd',
  'e',
  'f',
  'g',
  'h',
  'i',
  'baseline',
  'replica',
] as const;
export type PartName = (typeof partNames)[number];

export const profileNames = ['sanity', 'quick', 'full'] as const;
export type ProfileName = (typeof profileNames)[number];

/** How a search for the highest rate goes on; all rates are per second. */
export interface SearchPlan {
  /** Where it begins; each further step of the coarse search doubles the rate. */
  readonly first: number;
  readonly coarseSteps: number;
  /** Each halves the distance between a rate that holds and one that does not. */
  readonly fineSteps: number;
}

/** How long and how large a run is. */
export interface BenchProfile {
  readonly name: ProfileName;
  /** What is measured unless the caller chooses. */
  readonly parts: readonly PartName[];
  /** Accounts of each book, but in part f. */
  readonly accounts: number;
  /** How often a, b, c and g are measured, in turns. */
  readonly rounds: number;
  readonly roundWindow: Window;
  /** Of each rate of part d. */
  readonly singlesWindow: Window;
  readonly crossRegionWindow: Window;
  /** Of part h. */
  readonly search: SearchPlan;
  readonly searchWindows: Readonly<Record<'coarse' | 'fine', Window>>;
  /** Of each rate of the reads of a copy. */
  readonly replicaWindow: Window;
  /** Of parts f and i. */
  readonly memoryAccounts: number;
  /** Rows that part i writes, in steps. */
  readonly growth: { readonly rows: number; readonly rowsPerStep: number };
}

/** Calls per second of part d. */
export const singleRates = [500, 1_000, 2_000] as const;

/** Shared by all profiles, so that their figures can be compared. */
export const load = {
  rawItemsPerBatch: 4_000,
  itemsPerCall: 1_000,
  callsInFlight: 8,
  /** On each of the three routes of part e. */
  crossRegionCallsInFlight: 4,
  crossRegionShare: 0.1,
  /** With this number of calls unanswered the rate of part d clearly exceeds what is possible. */
  unansweredMax: 20_000,
  /** The bound of part h. */
  searchP99Ms: 50,
  baselineClients: 20,
  baselineBatchClients: 1,
  /** Transfers that are posted while a copy is read. */
  replicaPerSecond: 20_000,
  /** Half of them by id, half pages of an account, each of which may scan half a million rows. */
  replicaReadsPerSecond: 20,
} as const;

const withoutMemory: readonly PartName[] = ['a', 'b', 'c', 'd', 'e', 'g', 'h', 'baseline'];
/** Reads of a copy need the packages of the replicated profile: only who asks for them gets them. */
const withoutCopies: readonly PartName[] = partNames.filter((name) => name !== 'replica');

export const profiles: Readonly<Record<ProfileName, BenchProfile>> = {
  sanity: {
    name: 'sanity',
    parts: withoutCopies,
    accounts: 1_000,
    rounds: 1,
    roundWindow: { warmUpMs: 500, measureMs: 1_500 },
    singlesWindow: { warmUpMs: 300, measureMs: 1_000 },
    crossRegionWindow: { warmUpMs: 300, measureMs: 2_500 },
    search: { first: 500, coarseSteps: 1, fineSteps: 1 },
    searchWindows: {
      coarse: { warmUpMs: 100, measureMs: 400 },
      fine: { warmUpMs: 100, measureMs: 500 },
    },
    replicaWindow: { warmUpMs: 500, measureMs: 2_000 },
    memoryAccounts: 5_000,
    growth: { rows: 20_000, rowsPerStep: 10_000 },
  },
  quick: {
    name: 'quick',
    parts: withoutMemory,
    accounts: 10_000,
    rounds: 5,
    roundWindow: { warmUpMs: 1_000, measureMs: 5_000 },
    singlesWindow: { warmUpMs: 2_000, measureMs: 10_000 },
    crossRegionWindow: { warmUpMs: 2_000, measureMs: 10_000 },
    search: { first: 1_000, coarseSteps: 6, fineSteps: 3 },
    searchWindows: {
      coarse: { warmUpMs: 500, measureMs: 2_000 },
      fine: { warmUpMs: 1_000, measureMs: 5_000 },
    },
    replicaWindow: { warmUpMs: 5_000, measureMs: 40_000 },
    memoryAccounts: 1_000_000,
    growth: { rows: 5_000_000, rowsPerStep: 1_000_000 },
  },
  full: {
    name: 'full',
    parts: withoutCopies,
    accounts: 10_000,
    rounds: 9,
    roundWindow: { warmUpMs: 2_000, measureMs: 8_000 },
    singlesWindow: { warmUpMs: 3_000, measureMs: 30_000 },
    crossRegionWindow: { warmUpMs: 3_000, measureMs: 20_000 },
    search: { first: 1_000, coarseSteps: 6, fineSteps: 4 },
    searchWindows: {
      coarse: { warmUpMs: 1_000, measureMs: 3_000 },
      fine: { warmUpMs: 2_000, measureMs: 10_000 },
    },
    replicaWindow: { warmUpMs: 10_000, measureMs: 60_000 },
    memoryAccounts: 1_000_000,
    growth: { rows: 30_000_000, rowsPerStep: 1_000_000 },
  },
};
