import { expect, test } from 'vitest';
import { judgeRun } from './all.ts';
import { gatherEvidence } from './evidence.ts';
import { goodRun } from './test/good-run.ts';

test('a run in which nothing went wrong passes every checker, and gives each something to see', () => {
  const { story } = goodRun();
  const verdicts = judgeRun(gatherEvidence(story.history(), story.finals()));
  const seen = [...verdicts].map(([name, verdict]) => [name, verdict.state]);
  expect([...verdicts].filter(([, { state }]) => state !== 'pass')).toEqual([]);
  expect(seen.every(([, state]) => state === 'pass')).toBe(true);
  for (const verdict of verdicts.values()) {
    expect(verdict.state === 'pass' ? verdict.checked : 0).toBeGreaterThan(0);
  }
});
