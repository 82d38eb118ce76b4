import { expect, test } from 'vitest';
import { rowOf } from '../checkers/test/bad-run.ts';
import type { Verdict } from '../checkers/verdict.ts';
import { noOperations, type Operation } from '../history/operation.ts';
import type { FaultSpan } from '../history/read-history.ts';
import type { JudgedRun } from './judged-run.ts';
import { addUpTables, neighbours, nemesisTable } from './nemesis-table.ts';
import { passedRun } from './test/sample-runs.ts';

/** Judged once: no test here uses its verdicts. */
const sample = passedRun();

type Span = readonly [fromMs: number, toMs: number];

function call([fromMs, toMs]: Span, type: 'ok' | 'fail' | 'info' = 'ok'): Operation {
  const [first] = sample.history.operations.balances;
  if (first === undefined) throw new Error('the sample has reads');
  const returnedNs = toMs * 1e6;
  const completedNs = type === 'info' ? Infinity : returnedNs;
  return { ...first, invokedNs: fromMs * 1e6, returnedNs, completedNs, type };
}

const fault = (what: string, [fromMs, toMs]: Span): FaultSpan => ({
  what,
  targets: ['eu-west'],
  harms: [{}],
  startedNs: fromMs * 1e6,
  endedNs: toMs * 1e6,
});

function runOf(
  calls: readonly Operation[],
  faults: readonly FaultSpan[],
  verdict: Verdict = { state: 'pass', checked: 1 },
): JudgedRun {
  const operations = Object.assign(noOperations(), { balances: calls });
  const history = { ...sample.history, operations, faults };
  return { ...sample, history, verdicts: new Map([['I1', verdict]]) };
}

const seen = (operations: number, unknown: number, violations: number) => ({
  operations,
  unknown,
  violations,
});

test('a call counts for a fault that began before its end and ended after its beginning', () => {
  const calls = [call([0, 10]), call([9, 11]), call([12, 13]), call([19, 30]), call([20, 21])];
  const { rows, none, total } = nemesisTable(runOf(calls, [fault('N1 kill', [10, 20])]));
  expect(rows).toEqual([{ what: 'N1 kill', runs: 1, times: 1, ...seen(3, 0, 0) }]);
  expect(none).toEqual(seen(2, 0, 0));
  expect(total).toEqual(seen(5, 0, 0));
});

test('a call that met a nemesis twice counts once for it, and for every other', () => {
  const faults = [
    fault('N3 pause', [0, 10]),
    fault('N3 pause', [20, 30]),
    fault('N1 kill', [5, 25]),
  ];
  const { rows, total } = nemesisTable(runOf([call([1, 40])], faults));
  expect(rows).toEqual([
    { what: 'N1 kill', runs: 1, times: 1, ...seen(1, 0, 0) },
    { what: 'N3 pause', runs: 1, times: 2, ...seen(1, 0, 0) },
  ]);
  expect(total.operations).toBe(1);
});

test('an unknown outcome covers the time in which its client waited, not the time after', () => {
  const faults = [fault('N1 kill', [0, 10]), fault('N9 replies', [50, 60])];
  const { rows, total } = nemesisTable(runOf([call([5, 20], 'info')], faults));
  expect(rows.map(({ operations, unknown }) => [operations, unknown])).toEqual([
    [1, 1],
    [0, 0],
  ]);
  expect(total.unknown).toBe(1);
});

const nothing = { text: '', operations: [], rows: [], faults: [] };

test('a violation counts for the faults that its witness met or names, each once', () => {
  const faults = [fault('N1 kill', [0, 10]), fault('N9 replies', [50, 60])];
  const witnesses = [
    { ...nothing, operations: [call([5, 6]), call([8, 9]), call([30, 31])] },
    { ...nothing, faults: faults.slice(1) },
    { ...nothing, operations: [call([30, 31])] },
    nothing,
  ];
  const table = nemesisTable(runOf([], faults, { state: 'fail', total: 9, witnesses }));
  expect(table.rows.map(({ violations }) => violations)).toEqual([1, 1]);
  expect(table.none.violations).toBe(2);
  expect(table.total.violations).toBe(9);
});

test('rows without calls use their own time', () => {
  const run = runOf([], [fault('N1 kill', [0, 10])]);
  const zeroMicros = Date.parse(run.history.header.startedAt) * 1_000;
  const violated = (atMs: number) => {
    const row = { ...rowOf('bread'), atMicros: zeroMicros + atMs * 1_000 };
    const witnesses = [{ ...nothing, rows: [{ book: 1, row }] }];
    return nemesisTable(runOf([], run.history.faults, { state: 'fail', total: 1, witnesses }));
  };
  expect(violated(4).rows[0]?.violations).toBe(1);
  expect(violated(11).rows[0]?.violations).toBe(0);
});

test('tables of several runs are added up, nemeses by the number of their place', () => {
  const first = runOf([call([0, 5]), call([90, 95])], [fault('N10 requests', [0, 10])]);
  const second = runOf(
    [call([0, 5], 'info')],
    [fault('N10 requests', [0, 1]), fault('N10 requests', [3, 4]), fault('N2 stop', [0, 10])],
  );
  expect(addUpTables([nemesisTable(first), nemesisTable(second)])).toEqual({
    runs: 2,
    rows: [
      { what: 'N2 stop', runs: 1, times: 1, ...seen(1, 1, 0) },
      { what: 'N10 requests', runs: 2, times: 3, ...seen(2, 1, 0) },
    ],
    none: seen(1, 0, 0),
    total: seen(3, 1, 0),
  });
  expect(addUpTables([]).total).toEqual(seen(0, 0, 0));
});

test('neighbours of a witness are faults within five seconds that it does not name itself', () => {
  const named = fault('N1 kill', [0, 10]);
  const near = fault('N9 replies', [4_000, 4_500]);
  const far = fault('N6 partition', [5_100, 6_000]);
  const { history } = runOf([], [named, near, far]);
  const witness = { ...nothing, operations: [call([0, 50])], faults: [named] };
  expect(neighbours(witness, history)).toEqual([near]);
});
