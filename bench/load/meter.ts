import { build, type Histogram } from 'hdr-histogram-js';
import type { Latency, Window } from './job.ts';

const MICROS_PER_MS = 1_000;
const LATENCY_MICROS_MAX = 120_000_000;

/** A histogram of microseconds, exact to three digits. */
export function newHistogram(): Histogram {
  return build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LATENCY_MICROS_MAX,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });
}

/** Records a latency in milliseconds. */
export function record(histogram: Histogram, ms: number): void {
  const micros = Math.round(ms * MICROS_PER_MS);
  histogram.recordValue(Math.min(Math.max(micros, 1), LATENCY_MICROS_MAX));
}

/** Undefined if nothing was recorded. */
export function summary(histogram: Histogram): Latency | undefined {
  if (histogram.totalCount === 0) return undefined;
  const ms = (percentile: number) => histogram.getValueAtPercentile(percentile) / MICROS_PER_MS;
  return {
    p50: ms(50),
    p99: ms(99),
    p999: ms(99.9),
    max: histogram.maxValue / MICROS_PER_MS,
    count: histogram.totalCount,
  };
}

const MICROS_PER_SECOND = 1_000_000;

/** Returns a function that returns what this process has used of the processor since, in seconds. */
export function processorWatch(): () => number {
  const begun = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / MICROS_PER_SECOND;
  };
}

/**
 * Measures a rate between two completions rather than between two points in time: calls and
 * batches end in lumps of thousands, and where a fixed window happens to cut one would move
 * the rate of a short run by several percent.
 */
export class RateMeter {
  readonly startsAt: number;
  readonly endsAt: number;
  #firstAt = 0;
  #lastAt = 0;
  #items = 0;

  /** @param now the moment it begins, by performance.now() */
  constructor({ warmUpMs, measureMs }: Window, now: number) {
    this.startsAt = now + warmUpMs;
    this.endsAt = this.startsAt + measureMs;
  }

  /** Counts items that were completed at a moment. */
  completed(items: number, now: number): void {
    if (now < this.startsAt || now > this.endsAt) return;
    if (this.#firstAt === 0) {
      // The items of the first completion were worked on before the clock began to run.
      this.#firstAt = now;
      return;
    }
    this.#items += items;
    this.#lastAt = now;
  }

  /** Zero if fewer than two completions fell into the window. */
  get perSecond(): number {
    const seconds = (this.#lastAt - this.#firstAt) / 1_000;
    return seconds > 0 ? this.#items / seconds : 0;
  }
}
