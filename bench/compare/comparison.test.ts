import { expect, test } from 'vitest';
import type { FigureName } from './compared-figures.ts';
import {
  compareRounds,
  type Comparison,
  comparisonTable,
  isSound,
  type Round,
} from './comparison.ts';
import { readFigures, type RunFigures, together } from './run-figures.ts';

const run = (figures: RunFigures['figures']): RunFigures => ({ findings: [], figures });

const roundsOf = (figure: FigureName, ...pairs: readonly (readonly [number, number])[]): Round[] =>
  pairs.map(([before, now]) => ({
    before: run({ [figure]: before }),
    now: run({ [figure]: now }),
  }));

const measuredRound = (acknowledged: number, ledger: number) => ({
  acknowledged,
  cost: { cpuMicros: { ledger }, walBytes: 100 },
});

const comparison = (
  figures: Comparison['figures'],
  findings: readonly string[] = [],
): Comparison => ({
  startedAt: '2026-11-21T11:00:00.000Z',
  seconds: 60,
  profile: 'quick',
  against: 'abc1234',
  commit: 'def5678',
  dirty: false,
  packagesDiffer: false,
  figures,
  incomparable: [{ part: 'g', reason: 'abc1234 has 8 calls failed: status 12 of gRPC' }],
  findings,
});

test('a ratio is the median of those of the rounds, not the ratio of the medians', () => {
  // The machine was slower in the second round, and both commits with it.
  const rounds = roundsOf('a', [40_000, 38_000], [10_000, 9_600], [40_000, 40_000]);
  const [a] = compareRounds(['a'], rounds);
  expect(a?.ratios).toEqual([0.95, 0.96, 1]);
  expect(a).toMatchObject({ medianRatio: 0.96, fell: false });
});

test('a figure that is worse by more than a tenth has fallen', () => {
  expect(compareRounds(['a'], roundsOf('a', [1_000, 900]))[0]?.fell).toBe(false);
  expect(compareRounds(['a'], roundsOf('a', [1_000, 899]))[0]?.fell).toBe(true);
});

test.each(['d', 'f'] as const)('of latencies and of memory, more is worse: %s', (figure) => {
  const [worse] = compareRounds([figure], roundsOf(figure, [4, 5]));
  expect(worse).toMatchObject({ medianRatio: 0.8, fell: true });
  const [better] = compareRounds([figure], roundsOf(figure, [5, 4]));
  expect(better).toMatchObject({ medianRatio: 1.25, fell: false });
});

test('a judged figure that was not measured has fallen', () => {
  const [a] = compareRounds(['a'], [{ before: run({ a: 1_000 }), now: run({}) }]);
  expect(a).toMatchObject({ medianRatio: 0, fell: true });
  expect(compareRounds(['a'], [])[0]?.fell).toBe(true);
});

test('what explains a figure never makes a comparison unsound, and is left out if unknown', () => {
  const [b, postgres] = compareRounds(
    ['b'],
    [
      {
        before: run({ b: 1_000, postgresMicros: 5 }),
        now: run({ b: 1_000, postgresMicros: 50 }),
      },
    ],
  );
  expect(b).toMatchObject({ figure: 'b', fell: false });
  expect(postgres).toMatchObject({ figure: 'postgresMicros', medianRatio: 0.1, fell: false });
  expect(compareRounds(['b'], roundsOf('b', [1, 1]))).toHaveLength(1);
});

test('a comparison is sound if no figure fell and none is void', () => {
  const good = compareRounds(['a'], roundsOf('a', [1_000, 1_000]));
  const bad = compareRounds(['d'], roundsOf('d', [1, 2]));
  expect(isSound(comparison(good))).toBe(true);
  expect(isSound(comparison([...good, ...bad]))).toBe(false);
  expect(isSound(comparison(good, ['b: the book does not balance']))).toBe(false);
});

test('the table has medians, ratios and their range, and what is not compared', () => {
  const a = compareRounds(['a'], roundsOf('a', [1_000, 950], [1_000, 1_050], [1_200, 1_200]));
  const d = compareRounds(['d'], roundsOf('d', [4, 5], [4, 5], [4, 4]));
  const lines = comparisonTable(comparison([...a, ...d], ['b: lost'])).split('\n');
  expect(lines[0]).toBe('| figure | abc1234 | def5678 | ratio | from | to | at least 0.90 |');
  expect(lines[2]).toBe('| a | 1,000/s | 1,050/s | 1.00 | 0.95 | 1.05 | yes |');
  expect(lines[3]).toBe('| d: p50 at 1,000/s | 4.0 ms | 5.0 ms | 0.80 | 0.80 | 1.00 | **no** |');
  expect(lines).toContain('**g is not compared:** abc1234 has 8 calls failed: status 12 of gRPC');
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
    figures: {
      raw: { medianPerSecond: 7, rounds: [{}] },
      batched: { medianPerSecond: 8, rounds: [measuredRound(3, 4), measuredRound(1, 8)] },
      singles,
      memory: { residentBytes: 5 },
      highest: [{ client: 'library', ratePerSecond: 4_000 }],
      growth: { steps: [{ perSecond: 10 }, { perSecond: 9 }] },
    },
  };
  expect(readFigures(JSON.stringify(printed))).toEqual({
    findings: [],
    figures: {
      a: 7,
      b: 8,
      ledgerMicros: 5,
      walBytes: 100,
      d: 4,
      dTail: 9,
      f: 5,
      hLibrary: 4_000,
      iFirst: 10,
      iLast: 9,
    },
  });
  expect(() => readFigures('{"findings":[]}')).toThrow('figures');
  expect(() => readFigures('')).toThrow('JSON');
});

test('the two runs of one commit make one', () => {
  const loop = { figures: { a: 1 }, findings: ['a: lost'] };
  const routed = { figures: { b: 2 }, findings: [] };
  expect(together(loop, routed)).toEqual({ figures: { a: 1, b: 2 }, findings: ['a: lost'] });
});
