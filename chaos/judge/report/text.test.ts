import { expect, test } from 'vitest';
import { verdictText } from './text.ts';
import { failedRun, passedRun, unknownRun } from './test/sample-runs.ts';

test('a run that passed lists what was checked, how it went, and how to repeat it', () => {
  const text = verdictText(passedRun());
  expect(text).toMatch(/✓ I1 +each book sums to zero at every seq +\d+ checked/u);
  expect(text.match(/✓ I\d/gu)).toHaveLength(19);
  expect(text).toMatch(/N6 partition +│ +1 │ +1 │ +0 │ +0 /u);
  expect(text).toMatch(/N9 replies lost +│ +1 │ +1 │ +1 │ +0 /u);
  expect(text).toContain('workloads: bank 0.25, limits 1');
  expect(text).toContain('nemeses: pause-leader, lose-replies');
  expect(text).toContain('N24 small-disk: loop devices need root');
  expect(text).toContain('pass, all 19 invariants hold');
  expect(text).toContain('1 of them unknown at first, 2 min 0 s');
  expect(text).toContain('npm run chaos -- --seed 17 --profile embedded --minutes 10\n'.trim());
});

test('a violation has its smallest witness in words', () => {
  const text = verdictText(failedRun());
  expect(text).toMatch(/✗ I4 +no acknowledged outcome is lost +2 violations/u);
  expect(text).toContain('book-1, seq 7: the answer is POSTED');
  expect(text).toMatch(
    /0\.019 s {2}client 1 by eu-west: transfer run\/yacht, 5000 from \d+ to \d+/u,
  );
  expect(text).toContain('after 1 ms: POSTED, at book 1, epoch 1, seq 7');
  expect(text).toMatch(
    /book-1 seq 7 epoch 1 at [\d:.]+: transfer run\/yacht, 5000 from \d+ to \d+, INSUFFICIENT_FUNDS/u,
  );
  expect(text).toContain('0.023 s to 0.025 s  N9 replies lost on eu-west');
  expect(text).toContain('fail, 1 of 19 invariants violated');
});

test('what cannot be decided states why', () => {
  const text = verdictText(unknownRun());
  const why = 'the copy of book-2 in us-east was not read';
  expect(text).toMatch(new RegExp(`\\? I11 .*\\n +${why}`, 'u'));
  expect(text).toContain(`Not read at the end\n  ${why}`);
  expect(text).toMatch(/unknown, \d+ of 19 cannot be decided/u);
});

test('input of clients cannot control a terminal', () => {
  const run = failedRun();
  const bad = run.verdicts.get('I4');
  if (bad?.state !== 'fail') throw new Error('the sample has a violation');
  const verdicts = new Map([['I4', { ...bad, witnesses: bad.witnesses.toReversed() }]]);
  const text = verdictText({ ...run, verdicts });
  expect(text).toContain('<script>alert("1")</script>\\u{1b}[31m');
  expect(text).not.toContain('\u001B');
});

test('a run that was not judged has not passed', () => {
  const text = verdictText({ ...passedRun(), verdicts: new Map() });
  expect(text).toContain('unknown, nothing was judged');
});
