import type { Window } from './load/job.ts';

/** The parts of the benchmark, by the letters that the options and the results use. */
export const partNames = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const;
export type PartName = (typeof partNames)[number];

export const profileNames = ['sanity', 'quick', 'full'] as const;
export type ProfileName = (typeof profileNames)[number];

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
  readonly memoryAccounts: number;
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
} as const;

const withoutMemory: readonly PartName[] = ['a', 'b', 'c', 'd', 'e', 'g'];

export const profiles: Readonly<Record<ProfileName, BenchProfile>> = {
  sanity: {
    name: 'sanity',
    parts: withoutMemory,
    accounts: 1_000,
    rounds: 1,
    roundWindow: { warmUpMs: 500, measureMs: 1_500 },
    singlesWindow: { warmUpMs: 500, measureMs: 1_500 },
    crossRegionWindow: { warmUpMs: 500, measureMs: 1_500 },
    memoryAccounts: 20_000,
  },
  quick: {
    name: 'quick',
    parts: withoutMemory,
    accounts: 10_000,
    rounds: 5,
    roundWindow: { warmUpMs: 1_000, measureMs: 5_000 },
    singlesWindow: { warmUpMs: 2_000, measureMs: 10_000 },
    crossRegionWindow: { warmUpMs: 2_000, measureMs: 10_000 },
    memoryAccounts: 1_000_000,
  },
  full: {
    name: 'full',
    parts: partNames,
    accounts: 10_000,
    rounds: 9,
    roundWindow: { warmUpMs: 2_000, measureMs: 8_000 },
    singlesWindow: { warmUpMs: 3_000, measureMs: 30_000 },
    crossRegionWindow: { warmUpMs: 3_000, measureMs: 20_000 },
    memoryAccounts: 1_000_000,
  },
};
