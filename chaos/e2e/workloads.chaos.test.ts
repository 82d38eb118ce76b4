import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endFolder, makeFolder } from '../../regions/testing/folder.ts';
import { checkers, judgeRun } from '../judge/checkers/all.ts';
import type { Evidence } from '../judge/checkers/evidence.ts';
import { callName, decidingBook } from '../judge/checkers/calls.ts';
import { noOperations, type Operation, type Operations } from '../judge/history/operation.ts';
import { workloads } from '../drive/workloads/all.ts';
import { type QuietRun, quietRun } from './test/quiet-run.ts';
import type { Workload } from '../drive/workloads/workload.ts';

/** All workloads on an installation without faults. */

type Invariant = keyof typeof checkers;

/** The purpose of a workload: invariants that its calls exercise... */
const looksAt: Readonly<Record<string, readonly Invariant[]>> = {
  bank: ['I1', 'I4', 'I5', 'I6', 'I7', 'I9', 'I11', 'I12', 'I14', 'I22'],
  'bank-across': ['I1', 'I2', 'I4', 'I5', 'I6', 'I7', 'I12', 'I22'],
  limits: ['I4', 'I7', 'I9', 'I10', 'I12'],
  'same-key': ['I4', 'I5', 'I6', 'I7', 'I12', 'I18'],
  register: ['I4', 'I5', 'I7', 'I9', 'I11', 'I12', 'I14'],
  'statement-append': ['I4', 'I12', 'I17', 'I19'],
  set: ['I4', 'I7', 'I12', 'I18'],
  'long-fork': ['I1', 'I7', 'I12'],
  session: ['I7', 'I12', 'I18', 'I19'],
  holds: ['I4', 'I6', 'I7', 'I10', 'I18'],
  feed: ['I18', 'I20'],
  groups: ['I4', 'I5', 'I6', 'I17', 'I18'],
};

/** ...and what must happen in it, as `kind: status or reason`. */
const happens: Readonly<Record<string, readonly string[]>> = {
  bank: ['transfer: POSTED', 'balances: auditor', 'balances: stale'],
  'bank-across': ['cross_book: POSTED', 'cross_book: RETURNED', 'reversal: POSTED'],
  limits: [
    'transfer: INSUFFICIENT_FUNDS',
    'hold: HELD',
    'hold: INSUFFICIENT_FUNDS',
    'transfer: NOTHING_AVAILABLE',
    'capture: POSTED',
    'release: RELEASED',
  ],
  'same-key': ['transfer: IDEMPOTENCY_KEY_REUSED', 'transfer: replayed', 'cross_book: replayed'],
  register: ['change: applied', 'change: VERSION_MISMATCH', 'transfer: POSTED'],
  'statement-append': ['statement: leader', 'statement: linearizable', 'statement: stale'],
  set: ['look_up: leader', 'look_up: linearizable', 'look_up: stale', 'look_up: never seen'],
  'long-fork': ['balances: stale', 'balances: auditor'],
  session: ['balances: stale', 'look_up: stale', 'statement: stale'],
  holds: [
    'hold: HELD',
    'capture: POSTED',
    'capture: HOLD_EXPIRED',
    'capture: HOLD_CAPTURED',
    'capture: HOLD_EXCEEDED',
    'release: RELEASED',
  ],
  feed: ['page: of a book', 'page: of an account'],
  groups: ['group: POSTED', 'group: MAX_BALANCE_EXCEEDED', 'group: INSUFFICIENT_FUNDS'],
};

describe('all workloads, without a fault', () => {
  const folder = makeFolder();
  let run: QuietRun;
  let failed = false;
  beforeAll(async () => {
    const lengths = { lastsMs: 8_000, stepsLeast: 300, longestMs: 60_000 };
    run = await quietRun(folder, { workloads, clients: 4, seed: 5, ...lengths });
  }, 300_000);
  afterAll(() => endFolder(folder, failed));

  test('every invariant holds, and no call fails', () => {
    failed = true;
    const verdicts = [...judgeRun(run.evidence)];
    expect(verdicts.filter(([, { state }]) => state !== 'pass')).toEqual([]);
    const { transfers, changes, opens, ...reads } = run.evidence.operations;
    const { balances, statements, pages, lookUps } = reads;
    const all: Operation[] = [
      transfers,
      changes,
      opens,
      balances,
      statements,
      pages,
      lookUps,
    ].flat();
    expect(all.filter(({ type }) => type !== 'ok').map(({ f, fault }) => [f, fault])).toEqual([]);
    failed = false;
  });

  test.each(workloads)('$name gives its checkers something to look at', (workload) => {
    const own = ofWorkload(run, workload);
    const empty = { ...own, operations: noOperations(), calls: new Map() };
    const isFor = looksAt[workload.name] ?? [];
    const looked = isFor.filter((invariant) => {
      const without = checkedBy(invariant, { ...empty, header: inNamespaces(own, []) });
      return checkedBy(invariant, own) > without;
    });
    expect(looked).toEqual(isFor);
    expect(isFor).not.toEqual([]);
  });

  test.each(workloads)('$name does what it promises', (workload) => {
    const seen = outcomes(ofWorkload(run, workload).operations);
    expect([...seen]).toEqual(expect.arrayContaining([...(happens[workload.name] ?? ['?'])]));
  });

  test('keys are of one workload each', () => {
    const names = new Map<string, string>();
    for (const { value } of run.evidence.operations.transfers) {
      const known = names.get(value.namespace) ?? value.namespace;
      names.set(value.namespace, known);
      expect(value.namespace.length).toBeLessThanOrEqual(64);
    }
    expect(names.size).toBe(workloads.length + 1);
  });
});

function checkedBy(invariant: Invariant, evidence: Evidence): number {
  const verdict = checkers[invariant](evidence);
  expect({ invariant, ...verdict }).toMatchObject({ state: 'pass' });
  return verdict.state === 'pass' ? verdict.checked : 0;
}

const inNamespaces = ({ header }: Evidence, namespaces: readonly string[]) => ({
  ...header,
  namespaces,
  exclusive: false,
});

/** The same final reads, but only the calls of one workload. */
function ofWorkload(run: QuietRun, workload: Workload): Evidence {
  const { evidence } = run;
  const own = run.processes.get(workload);
  const isOwn = ({ process }: Operation) => own?.has(process) === true;
  const operations: Operations = {
    transfers: evidence.operations.transfers.filter(isOwn),
    changes: evidence.operations.changes.filter(isOwn),
    opens: evidence.operations.opens.filter(isOwn),
    balances: evidence.operations.balances.filter(isOwn),
    statements: evidence.operations.statements.filter(isOwn),
    pages: evidence.operations.pages.filter(isOwn),
    lookUps: evidence.operations.lookUps.filter(isOwn),
  };
  const calls = Map.groupBy(operations.transfers, ({ value, reply }) =>
    callName(decidingBook(value), reply?.transferId ?? ''),
  );
  const header = inNamespaces(evidence, [run.namespaceOf(workload)]);
  return { ...evidence, operations, calls, header };
}

function outcomes({ transfers, changes, balances, statements, pages, lookUps }: Operations) {
  const seen = new Set<string>();
  for (const { f, reply } of transfers) {
    if (reply === null) continue;
    seen.add(`${f}: ${reply.status}`);
    if (reply.reason !== '') seen.add(`${f}: ${reply.reason}`);
    if (reply.replayed) seen.add(`${f}: replayed`);
  }
  for (const { reply } of changes) seen.add(`change: ${reply?.reason || 'applied'}`);
  for (const { value } of balances) seen.add(`balances: ${value.level}`);
  for (const { value } of statements) seen.add(`statement: ${value.level}`);
  for (const { value, reply } of pages) {
    if (reply?.events.length)
      seen.add(`page: of ${value.account === '' ? 'a book' : 'an account'}`);
  }
  for (const { value, reply } of lookUps) {
    seen.add(`look_up: ${value.level}`);
    if (reply?.found === null) seen.add('look_up: never seen');
    if (reply?.found) seen.add(`look_up: ${reply.found.status}`);
  }
  return seen;
}
