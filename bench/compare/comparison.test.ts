import { expect, test } from 'vitest';
import {
  compareRounds,
  type Comparison,
  comparisonTable,
  isSound,
  type Round,
} from './comparison.ts';
import { readFigures, type RunFigures } from './run-figures.ts';

const run = (figures: Partial<RunFigures>): RunFigures => ({
  findings: [],
  a: undefined,
  b: undefined,
  c: undefined,
  d: undefined,
  ...figures,
});

const roundsOf = (part: 'a' | 'd', ...pairs: readonly (readonly [number, number])[]): Round[] =>
  pairs.map(([before, now]) => ({ before: run({ [part]: before }), now: run({ [part]: now }) }));

const comparison = (parts: Comparison['parts'], findings: readonly string[] = []): Comparison => ({
  startedAt: '2026-11-21T11:00:00.000Z',
  seconds: 60,
  profile: 'quick',
  against: 'abc1234',
  commit: 'def5678',
  dirty: false,
  packagesDiffer: false,
  parts,
  findings,
});

test('a ratio is the median of those of the rounds, not the ratio of the medians', () => {
  // The machine was slower in the second round, and both commits with it.
  const rounds = roundsOf('a', [40_000, 38_000], [10_000, 9_600], [40_000, 40_000]);
  const [a] = compareRounds(['a'], rounds);
  expect(a?.ratios).toEqual([0.95, 0.96, 1]);
  expect(a).toMatchObject({ medianRatio: 0.96, fell: false });
});

test('a part that is slower by more than a tenth has fallen', () => {
  expect(compareRounds(['a'], roundsOf('a', [1_000, 900]))[0]?.fell).toBe(false);
  expect(compareRounds(['a'], roundsOf('a', [1_000, 899]))[0]?.fell).toBe(true);
});

test('of latencies, more is slower', () => {
  const [slower] = compareRounds(['d'], roundsOf('d', [4, 5]));
  expect(slower).toMatchObject({ medianRatio: 0.8, fell: true });
  const [faster] = compareRounds(['d'], roundsOf('d', [5, 4]));
  expect(faster).toMatchObject({ medianRatio: 1.25, fell: false });
});

test('a part without a figure has fallen', () => {
  const [a] = compareRounds(['a'], [{ before: run({ a: 1_000 }), now: run({}) }]);
  expect(a).toMatchObject({ medianRatio: 0, fell: true });
  expect(compareRounds(['a'], [])[0]?.fell).toBe(true);
});

test('a comparison is sound if no part fell and no figure is void', () => {
  const good = compareRounds(['a'], roundsOf('a', [1_000, 1_000]));
  const bad = compareRounds(['d'], roundsOf('d', [1, 2]));
  expect(isSound(comparison(good))).toBe(true);
  expect(isSound(comparison([...good, ...bad]))).toBe(false);
  expect(isSound(comparison(good, ['b: the book does not balance']))).toBe(false);
});

test('the table has medians, ratios and their range', () => {
  const a = compareRounds(['a'], roundsOf('a', [1_000, 950], [1_000, 1_050], [1_200, 1_200]));
  const d = compareRounds(['d'], roundsOf('d', [4, 5], [4, 5], [4, 4]));
  const lines = comparisonTable(comparison([...a, ...d], ['b: lost'])).split('\n');
  expect(lines[0]).toBe('| part | abc1234 | def5678 | ratio | from | to | at least 0.90 |');
  expect(lines[2]).toBe('| a | 1,000/s | 1,050/s | 1.00 | 0.95 | 1.05 | yes |');
  expect(lines[3]).toBe('| d: p50 at 1,000/s | 4.0 ms | 5.0 ms | 0.80 | 0.80 | 1.00 | **no** |');
  expect(lines.at(-1)).toBe('**Void:** b: lost');
});

test('figures are read from what a run prints, and nothing else is', () => {
  const singles = [500, 1_000].map((ratePerSecond) => ({
    ratePerSecond,
    measurement: { perSecond: ratePerSecond, latency: { p50: ratePerSecond / 250, p99: 9 } },
  }));
  const printed = {
    commit: 'abc1234',
    findings: [],
    figures: { raw: { medianPerSecond: 7, rounds: [] }, singles },
  };
  expect(readFigures(JSON.stringify(printed))).toEqual({
    findings: [],
    a: 7,
    b: undefined,
    c: undefined,
    d: 4,
  });
  expect(() => readFigures('{"findings":[]}')).toThrow('figures');
  expect(() => readFigures('')).toThrow('JSON');
});
