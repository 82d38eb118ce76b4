import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { addUp } from './add-up.ts';
import { readReport, reportsBelow } from './read-reports.ts';
import { reportJson, runReport } from './report-json.ts';
import { failedRun, passedRun, unknownRun } from './test/sample-runs.ts';

test.each([passedRun(), failedRun(), unknownRun()])(
  'a report survives a round trip through JSON',
  (run) => {
    const report = reportJson(run);
    expect(runReport.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
  },
);

test('a report has the verdicts with their witnesses, and the sums', () => {
  const report = reportJson(failedRun());
  expect(report).toMatchObject({
    format: 1,
    verdict: 'fail',
    seed: 17,
    profile: 'embedded',
    commit: '3330e83',
    unknown: 1,
    notRun: [{ place: 'N24' }],
    verdicts: { I1: { state: 'pass' }, I4: { state: 'fail', total: 2 } },
  });
  const found = report.verdicts['I4'];
  const [witness] = found?.state === 'fail' ? found.witnesses : [];
  expect(witness?.operations[0]).toMatchObject({
    f: 'transfer',
    value: { idempotencyKey: 'yacht', amount: '5000' },
    reply: { status: 'POSTED' },
  });
  expect(witness?.rows[0]).toMatchObject({ book: 1, row: { key: 'yacht', amount: '5000' } });
  expect(reportJson(unknownRun()).verdict).toBe('unknown');
});

test('a fault or a call without an end has none in JSON either', () => {
  const run = passedRun();
  const [fault] = run.history.faults;
  const [operation] = run.history.operations.transfers;
  if (fault === undefined || operation === undefined) throw new Error('the sample has both');
  const witness = {
    text: '',
    operations: [{ ...operation, returnedNs: Infinity }],
    rows: [],
    faults: [{ ...fault, endedNs: Infinity }],
  };
  const verdicts = new Map([['I22', { state: 'fail', total: 1, witnesses: [witness] } as const]]);
  const found = reportJson({ ...run, verdicts }).verdicts['I22'];
  expect(found).toMatchObject({
    witnesses: [{ operations: [{ heardNs: null }], faults: [{ endedNs: null }] }],
  });
});

test('runs are added up from reports anywhere below a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-reports-'));
  try {
    const runs = { 'a/1': passedRun(), 'a/2': failedRun(), b: unknownRun() };
    for (const [path, run] of Object.entries(runs)) {
      mkdirSync(join(folder, path), { recursive: true });
      const text = JSON.stringify(reportJson(run));
      writeFileSync(join(folder, path, 'report.json'), text);
      writeFileSync(join(folder, path, 'other-report.json'), '{}');
    }
    const paths = reportsBelow(folder);
    expect(paths).toHaveLength(3);
    const sum = addUp(paths.map(readReport));
    expect(sum).toMatchObject({
      runs: 3,
      verdicts: { pass: 1, fail: 1, unknown: 1 },
      seeds: [17, 17, 17],
      seconds: 360,
      invariants: { I4: { fail: 1 }, I11: { unknown: 1 } },
    });
    expect(sum.nemeses.rows).toMatchObject([
      { what: 'N6 partition', runs: 3, times: 3, operations: 3, unknown: 0 },
      { what: 'N9 replies lost', runs: 3, times: 3, operations: 3, unknown: 3 },
    ]);
    expect(sum.nemeses.total.violations).toBe(2);
    writeFileSync(join(folder, 'report.json'), '{"format":2}');
    expect(() => reportsBelow(folder).map(readReport)).toThrow('is not the report of a chaos run');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
