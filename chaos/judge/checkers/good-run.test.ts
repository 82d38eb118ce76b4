import { expect, test } from 'vitest';
import { checkers, judgeRun } from './all.ts';
import { gatherEvidence } from './evidence.ts';
import { goodRun } from './test/good-run.ts';

test('a run in which nothing went wrong passes every checker, and gives each something to check', () => {
  const { story } = goodRun();
  const verdicts = judgeRun(gatherEvidence(story.history(), story.finals()));
  const seen = [...verdicts].map(([name, verdict]) => [name, verdict.state]);
  expect([...verdicts].filter(([, { state }]) => state !== 'pass')).toEqual([]);
  expect(seen.every(([, state]) => state === 'pass')).toBe(true);
  for (const verdict of verdicts.values()) {
    expect(verdict.state === 'pass' ? verdict.checked : 0).toBeGreaterThan(0);
  }
});

test('copies are compared field by field, not as the same objects', () => {
  const { story } = goodRun();
  const { copies, missing } = story.finals();
  const readApart = copies.map((copy) => structuredClone(copy));
  const apart = gatherEvidence(story.history(), { copies: readApart, missing });
  expect(checkers.I11(apart).state).toBe('pass');
  const changed = readApart.map((copy) =>
    copy.role === 'primary'
      ? copy
      : {
          ...copy,
          rows: copy.rows.map(({ row, ...chained }, index) =>
            index === copy.rows.length - 1
              ? { row: { ...row, metadata: { ...row.metadata, more: 'x' } }, ...chained }
              : { row, ...chained },
          ),
        },
  );
  const other = gatherEvidence(story.history(), { copies: changed, missing });
  expect(checkers.I11(other).state).toBe('fail');
});
