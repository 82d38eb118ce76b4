import type { Machine, Versions } from '../measure/machine.ts';
import { median } from '../measure/median.ts';
import type { Measurement } from '../measure/measurement.ts';
import type { Latency, SinglesJob } from '../load/job.ts';
import type { BenchProfile } from '../profile.ts';

/** The result of one run; the result files hold it as JSON. */
export interface BenchResult {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  /** Short hash of the commit; 'unknown' outside of a checkout. */
  readonly commit: string;
  /** True: the checkout had changes that are not in the commit. */
  readonly dirty: boolean;
  readonly machine: Machine;
  readonly versions: Versions;
  readonly withRedis: boolean;
  readonly profile: BenchProfile;
  readonly settings: Readonly<Record<string, number>>;
  readonly figures: Figures;
  /** What must hold for the goals to be reached, and whether it does. */
  readonly targets: readonly Target[];
  /** Why figures are void; empty: all hold. */
  readonly findings: readonly string[];
}

/** Parts that were not measured are absent. */
export interface Figures {
  readonly raw?: Rounds;
  readonly batched?: Rounds;
  readonly hot?: Rounds;
  readonly mixed?: MixedFigure;
  readonly singles?: readonly SinglesFigure[];
  readonly crossRegion?: CrossRegionFigure;
  readonly memory?: MemoryFigure;
  readonly growth?: GrowthFigure;
  readonly highest?: readonly HighestRateFigure[];
  readonly baseline?: BaselineFigure;
  /** At a fixed rate, then at full load. */
  readonly replica?: readonly ReplicaFigure[];
}

/** The same measurement in several rounds. */
export interface Rounds {
  readonly medianPerSecond: number;
  readonly rounds: readonly Measurement[];
}

/** Rates are of requests. */
export interface MixedFigure extends Rounds {
  /** Plain transfers, holds, captures and releases are a leg each, groups have their three. */
  readonly medianLegsPerSecond: number;
}

export interface SinglesFigure {
  /** Calls per second that were asked for. */
  readonly ratePerSecond: number;
  readonly measurement: Measurement;
}

export interface CrossRegionFigure {
  readonly measurement: Measurement;
  /** From the last answer until nothing was in transit any more, in milliseconds. */
  readonly drainMs: number;
}

export interface MemoryFigure {
  readonly accounts: number;
  /** Of the ledger server, in bytes. */
  readonly residentBytes: number;
  readonly peakBytes: number | undefined;
  readonly openedPerSecond: number;
  readonly measurement: Measurement;
}

/** The rate of a book that grows. */
export interface GrowthFigure {
  readonly accounts: number;
  readonly rows: number;
  readonly rowsPerStep: number;
  /** In their order; the book as a whole is checked after the last one. */
  readonly steps: readonly Measurement[];
  /** Rate of the last step by that of the first. */
  readonly lastByFirst: number;
  /** Indexes included. */
  readonly databaseBytes: number;
  /** Of the ledger server after the last step, in bytes. */
  readonly residentBytes: number;
  readonly peakBytes: number | undefined;
  readonly large: LargeBookFigure;
  readonly findings: readonly string[];
}

/** A journal of many partitions under a leader that has just started; the load is over. */
export interface LargeBookFigure {
  /** With rows. */
  readonly partitions: number;
  /** Rows of the open one. */
  readonly openRows: number;
  /** From the kill of the leader until a payment was acknowledged, in milliseconds. */
  readonly recoveryMs: number;
  /** Of accounts that the leader does not have in memory. */
  readonly balances: Latency;
  /** Transfers by id. */
  readonly lookUps: Latency;
}

/** The highest rate of single transfers whose p99 is below a bound. */
export interface HighestRateFigure {
  readonly client: SinglesJob['client'];
  /** Calls per second that were asked for; 0: none holds. */
  readonly ratePerSecond: number;
  /** At that rate; undefined if none holds. */
  readonly measurement: Measurement | undefined;
  readonly steps: readonly HighestRateStep[];
}

export interface HighestRateStep {
  readonly ratePerSecond: number;
  readonly perSecond: number;
  readonly p99: number | undefined;
  /** Why the rate does not hold; '' if it does. */
  readonly reason: string;
  readonly findings: readonly string[];
}

/** A conventional ledger on the same machine in the same run. */
export interface BaselineFigure {
  /** One transfer per call. */
  readonly singles: Measurement;
  /** Calls of as many transfers as in part b. */
  readonly batched: Measurement;
}

/** Reads of a copy in another region while its book posts. */
export interface ReplicaFigure {
  /** Transfers a second that were asked for; undefined: as many as can be. */
  readonly asked: number | undefined;
  readonly perSecond: number;
  /** Transfers by id. */
  readonly lookUps: Latency;
  /** A page of one account. */
  readonly pages: Latency;
  readonly findings: readonly string[];
}

export interface Target {
  readonly name: string;
  /** Such as ">= 30,000/s". */
  readonly limit: string;
  readonly value: string;
  readonly met: boolean;
}

/** Void rounds do not count. */
export function seriesOf(rounds: readonly Measurement[]): Rounds {
  const sound = rounds.filter(({ findings }) => findings.length === 0);
  return { medianPerSecond: median(sound.map(({ perSecond }) => perSecond)), rounds };
}
