import { expect, test } from 'vitest';
import type { Measurement } from '../measure/measurement.ts';
import { median } from '../measure/median.ts';
import { type GrowthFigure, seriesOf } from './result.ts';
import { targetsOf } from './speed-targets.ts';

const measured = (perSecond: number, findings: string[] = [], p50 = 1): Measurement => ({
  perSecond,
  acknowledged: perSecond,
  latency: { p50, p99: p50, p999: p50, max: p50, count: 1 },
  sendDelay: undefined,
  processors: { seconds: 1, cores: {}, otherCores: 0 },
  findings,
});

const cost = (micros: number, walBytes: number) => ({
  cpuMicros: { ledger: micros, router: micros, postgres: micros },
  walBytes,
  fsyncs: 0,
  gcShare: {},
});

const single = (ratePerSecond: number, p50: number) => ({
  ratePerSecond,
  measurement: measured(ratePerSecond, [], p50),
});

const series = (...rates: number[]) => seriesOf(rates.map((rate) => measured(rate)));

test('the median of an even number of values lies between the two in the middle', () => {
  expect(median([])).toBe(0);
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
});

test('void rounds do not count', () => {
  const rounds = [measured(10), measured(1_000, ['the book does not balance']), measured(20)];
  expect(seriesOf(rounds).medianPerSecond).toBe(15);
});

test('goals are met or missed by the figures that were measured', () => {
  const figures = { raw: series(140_000), batched: series(110_000), hot: series(109_000) };
  const met = Object.fromEntries(targetsOf(figures).map((target) => [target.name, target.met]));
  expect(met).toEqual({ 'b: one book': true, 'b / a': true, 'c / b': false });
  expect(targetsOf({})).toEqual([]);
});

const rates = (...all: number[]) => all.map((rate) => measured(rate));

const ratioOf = (hot: Measurement[], batched: Measurement[]) =>
  targetsOf({ hot: seriesOf(hot), batched: seriesOf(batched) }).at(-1)?.value;

test('rounds of one turn are compared with each other', () => {
  // A machine that becomes slower in between.
  expect(ratioOf(rates(101, 51, 99), rates(100, 50, 98))).toBe('1.01');
  expect(ratioOf(rates(101, 51), [measured(100), measured(1, ['void'])])).toBe('1.01');
});

test('what a transfer costs has goals of its own', () => {
  const batched = seriesOf([{ ...measured(100_000), cost: cost(3, 350) }]);
  const limits = targetsOf({ batched }).map(({ limit, value, met }) => `${limit} ${value} ${met}`);
  expect(limits).toEqual([
    '>= 100,000/s 100,000/s true',
    '<= 5.0 µs 3.0 µs true',
    '<= 2.0 µs 3.0 µs false',
    '<= 8.0 µs 3.0 µs true',
    '<= 350 bytes 350 bytes true',
  ]);
});

test('latencies are compared at one rate, each quantile with its own bound', () => {
  expect(targetsOf({ singles: [single(500, 1)] })).toEqual([]);
  const met = targetsOf({ singles: [single(1_000, 11)] }).map((target) => target.met);
  expect(met).toEqual([false, true, true]);
});

test('a rate that no step has confirmed is none', () => {
  const figure = { ratePerSecond: 12_000, measurement: measured(12_000), steps: [] };
  const none = { ratePerSecond: 0, measurement: undefined, steps: [] };
  const highest = [
    { ...figure, client: 'frames' },
    { ...none, client: 'library' },
  ] as const;
  expect(targetsOf({ highest }).map((target) => target.met)).toEqual([true, false]);
});

const metBy = (growth: GrowthFigure) => targetsOf({ growth }).map((each) => each.met);

test('a smaller book than the goal is of is not compared with it', () => {
  const growth = {
    accounts: 1_000_000,
    rows: 30_000_000,
    rowsPerStep: 1_000_000,
    steps: [],
    lastByFirst: 0.96,
    databaseBytes: 1,
    residentBytes: 1,
    peakBytes: 1,
    large: {
      partitions: 62,
      openRows: 1,
      recoveryMs: 4_001,
      balances: { p50: 1, p99: 10, p999: 20, max: 30, count: 1_000 },
      lookUps: { p50: 1, p99: 11, p999: 20, max: 30, count: 1_000 },
    },
    findings: [],
  };
  expect(metBy(growth)).toEqual([true, true, false, true, false]);
  expect(metBy({ ...growth, findings: ['lost'] })).toEqual([false, false, false, false, false]);
  expect(targetsOf({ growth: { ...growth, rows: 5_000_000 } })).toHaveLength(1);
  expect(targetsOf({ growth: { ...growth, accounts: 1_000 } })).toEqual([]);
});

test('a void figure meets no goal', () => {
  const voided = measured(1_000, ['the book does not balance']);
  const [target] = targetsOf({ singles: [{ ratePerSecond: 1_000, measurement: voided }] });
  expect(target?.met).toBe(false);
  const batched = seriesOf([voided]);
  const met = targetsOf({ raw: series(1_000), batched, hot: series(1_000) }).map((t) => t.met);
  expect(met).toEqual([false, false, false]);
});
