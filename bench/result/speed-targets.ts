import { count, milliseconds } from '../../regions/terminal/print.ts';
import { mebibytes } from '../measure/resident-memory.ts';
import type { Figures, Target } from './result.ts';

/** The goals of the benchmark on two cores that the generator shares. */
const RATIO_MIN = 0.75;
const BATCHED_PER_SECOND_MIN = 30_000;
const SINGLES_RATE = 1_000;
const SINGLES_P50_MS_MAX = 5;
const MEMORY_BYTES_MAX = 400 * 2 ** 20;
const MEMORY_ACCOUNTS = 1_000_000;

/** The goals that these figures can be compared with. Void figures meet none. */
export function targetsOf({ raw, batched, hot, singles, memory }: Figures): Target[] {
  const targets: Target[] = [];
  const add = (name: string, limit: string, value: string, met: boolean) =>
    targets.push({ name, limit, value, met });
  const batchedRate = batched?.medianPerSecond ?? 0;
  if (batched !== undefined) {
    const limit = `>= ${count(BATCHED_PER_SECOND_MIN)}/s`;
    const met = batchedRate >= BATCHED_PER_SECOND_MIN;
    add('b: one book', limit, `${count(batchedRate)}/s`, met);
  }
  if (raw !== undefined && batched !== undefined) {
    const value = ratio(batchedRate, raw.medianPerSecond);
    add('b / a', `>= ${RATIO_MIN}`, value.toFixed(2), value >= RATIO_MIN);
  }
  if (hot !== undefined && batched !== undefined) {
    const value = ratio(hot.medianPerSecond, batchedRate);
    add('c / b', '>= 1', value.toFixed(2), value >= 1);
  }
  const single = singles?.find(({ ratePerSecond }) => ratePerSecond === SINGLES_RATE);
  if (single !== undefined) {
    const { latency, findings } = single.measurement;
    const p50 = latency?.p50 ?? Infinity;
    const met = findings.length === 0 && p50 < SINGLES_P50_MS_MAX;
    const name = `d: p50 at ${count(SINGLES_RATE)}/s`;
    add(name, `< ${SINGLES_P50_MS_MAX} ms`, milliseconds(p50), met);
  }
  if (memory !== undefined && memory.accounts >= MEMORY_ACCOUNTS) {
    const { residentBytes, measurement } = memory;
    const met = measurement.findings.length === 0 && residentBytes < MEMORY_BYTES_MAX;
    const name = 'f: memory of a ledger server';
    add(name, `< ${mebibytes(MEMORY_BYTES_MAX)}`, mebibytes(residentBytes), met);
  }
  return targets;
}

function ratio(value: number, base: number): number {
  return base > 0 ? value / base : 0;
}
