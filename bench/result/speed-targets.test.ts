import { expect, test } from 'vitest';
import type { Measurement } from '../measure/measurement.ts';
import { median } from '../measure/median.ts';
import { seriesOf } from './result.ts';
import { targetsOf } from './speed-targets.ts';

const measured = (perSecond: number, findings: string[] = [], p50 = 1): Measurement => ({
  perSecond,
  acknowledged: perSecond,
  latency: { p50, p99: p50, p999: p50, max: p50, count: 1 },
  sendDelay: undefined,
  processors: { seconds: 1, cores: {}, otherCores: 0 },
  findings,
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
  const figures = { raw: series(40_000), batched: series(32_000), hot: series(31_000) };
  const met = Object.fromEntries(targetsOf(figures).map((target) => [target.name, target.met]));
  expect(met).toEqual({ 'b: one book': true, 'b / a': true, 'c / b': false });
  expect(targetsOf({})).toEqual([]);
});

test('a void figure meets no goal', () => {
  const voided = measured(1_000, ['the book does not balance']);
  const [target] = targetsOf({ singles: [{ ratePerSecond: 1_000, measurement: voided }] });
  expect(target?.met).toBe(false);
  const batched = seriesOf([voided]);
  const met = targetsOf({ raw: series(1_000), batched, hot: series(1_000) }).map((t) => t.met);
  expect(met).toEqual([false, false, false]);
});
