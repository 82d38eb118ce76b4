import { expect, test } from 'vitest';
import { replayCommand } from './judged-run.ts';
import { operationWords } from './operation-words.ts';
import { renderPage } from './run-page.ts';
import { reportJson, runReport } from './report-json.ts';
import { passedRun } from './test/sample-runs.ts';
import { verdictText } from './text.ts';

function stoppedRun() {
  const run = passedRun();
  const fact = { kind: 'fact', index: 0, fact: 'stopped', text: 'it was', ns: 0 } as const;
  return { ...run, history: { ...run.history, facts: [fact] } };
}

test('that a run was stopped is reported everywhere, and is no verdict', () => {
  const run = stoppedRun();
  const words = 'all 19 invariants hold; the run was stopped before its time';
  expect(verdictText(run)).toContain(`pass, ${words}`);
  expect(renderPage(run).toLowerCase()).toContain(words);
  expect(reportJson(run)).toMatchObject({ verdict: 'pass', stopped: true });
  const { stopped, ...before } = reportJson(passedRun());
  expect(stopped).toBe(false);
  // A report of a version without this field.
  expect(runReport.parse(before).stopped).toBe(false);
});

test('a run without nemeses is repeated without them', () => {
  const { history } = passedRun();
  const options = { profile: 'embedded', nemesis: [], workload: ['bank', 'limits'] };
  const header = { ...history.header, options };
  expect(replayCommand({ ...history, header })).toBe(
    'npm run chaos -- --seed 17 --profile embedded --workload bank,limits --nemesis none',
  );
});

test('a run with small partitions is repeated with them', () => {
  const { history } = passedRun();
  const header = { ...history.header, options: { profile: 'embedded', partitionRows: 100 } };
  expect(replayCommand({ ...history, header })).toBe(
    'npm run chaos -- --seed 17 --profile embedded --partition-rows 100',
  );
});

test('a malformed answer is shown as it is', () => {
  const [call] = passedRun().history.operations.transfers;
  if (call === undefined) throw new Error('the sample has one');
  Object.assign(call, { reply: { status: 'POSTED' } });
  expect(operationWords(call).answer).toBe('a malformed answer: {"status":"POSTED"}');
});
