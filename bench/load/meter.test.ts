import { expect, test } from 'vitest';
import { newHistogram, RateMeter, record, summary } from './meter.ts';

test('a rate is taken from the first completion in the window to the last', () => {
  const meter = new RateMeter({ warmUpMs: 100, measureMs: 1_000 }, 0);
  meter.completed(1_000, 50);
  meter.completed(1_000, 200);
  meter.completed(1_000, 600);
  meter.completed(1_000, 1_000);
  meter.completed(1_000, 1_200);
  expect(meter.perSecond).toBe(2_000 / 0.8);
});

test('one completion gives no rate', () => {
  const meter = new RateMeter({ warmUpMs: 0, measureMs: 1_000 }, 0);
  meter.completed(1_000, 500);
  expect(meter.perSecond).toBe(0);
});

test('latencies are given in milliseconds', () => {
  const histogram = newHistogram();
  expect(summary(histogram)).toBeUndefined();
  for (let ms = 1; ms <= 1_000; ms += 1) record(histogram, ms);
  const { p50 = 0, p99 = 0, count } = summary(histogram) ?? {};
  expect(p50).toBeCloseTo(500, -1);
  expect(p99).toBeCloseTo(990, -1);
  expect(count).toBe(1_000);
});
