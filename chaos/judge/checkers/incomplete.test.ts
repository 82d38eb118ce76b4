import { describe, expect, test } from 'vitest';
import { judgeRun } from './all.ts';
import { gatherEvidence } from './evidence.ts';
import { goodRun } from './test/good-run.ts';

describe('not everything is there', () => {
  const final = ['I14', 'I20', 'I22'];

  test('without the copy of one region no checker that needs the final reads passes', () => {
    const run = goodRun();
    const { copies } = run.story.finals();
    const read = { copies: copies.slice(0, -1), missing: [] };
    const verdicts = judgeRun(gatherEvidence(run.story.history(), read));
    const passed = [...verdicts].filter(([, { state }]) => state === 'pass');
    expect(passed.map(([name]) => name)).toEqual(final);
    expect(verdicts.get('I4')).toMatchObject({
      state: 'unknown',
      why: ['the copy of book-3 in ap-south was not read'],
    });
  });

  test('without any copy of a book there is no verdict, and no failure either', () => {
    const run = goodRun();
    const copies = run.story.finals().copies.filter(({ book }) => book !== 1);
    const verdicts = judgeRun(gatherEvidence(run.story.history(), { copies, missing: [] }));
    const states = [...verdicts].map(([name, { state }]) => [name, state]);
    const expected = [...verdicts.keys()].map((name) => [
      name,
      final.includes(name) ? 'pass' : 'unknown',
    ]);
    expect(states).toEqual(expected);
  });

  test('a truncated history proves nothing', () => {
    const run = goodRun();
    const history = { ...run.story.history(), isTorn: true };
    const verdicts = judgeRun(gatherEvidence(history, run.story.finals()));
    expect([...verdicts.values()].every(({ state }) => state === 'unknown')).toBe(true);
  });

  test('a violation is reported, whatever else is missing', () => {
    const run = goodRun();
    const { copies } = run.story.finals({
      book: 3,
      change: (row) => (row.key === 'third' ? null : row),
    });
    const verdicts = judgeRun(
      gatherEvidence(run.story.history(), { copies: copies.slice(0, -1), missing: [] }),
    );
    expect(verdicts.get('I4')).toMatchObject({
      state: 'fail',
      total: 1,
      witnesses: [{ operations: [{ value: { idempotencyKey: 'third' } }] }],
    });
  });

  test('a copy that lags is unknown to I4, and not live', () => {
    const run = goodRun();
    const finals = run.story.finals();
    const copies = finals.copies.map((copy) =>
      copy.book === 3 && copy.role === 'replica'
        ? { ...copy, rows: copy.rows.slice(0, -1), balances: [], accounts: [], trialBalance: [] }
        : copy,
    );
    const verdicts = judgeRun(gatherEvidence(run.story.history(), { copies, missing: [] }));
    expect(verdicts.get('I4')?.state).toBe('unknown');
    expect(verdicts.get('I23')?.state).toBe('fail');
  });

  test('a run that was never healed has not shown liveness', () => {
    const run = goodRun();
    const history = run.story.history();
    const phases = history.phases.filter(({ phase }) => phase !== 'heal');
    const verdicts = judgeRun(gatherEvidence({ ...history, phases }, run.story.finals()));
    expect(verdicts.get('I23')?.state).toBe('unknown');
  });
});
