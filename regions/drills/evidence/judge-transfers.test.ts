import { describe, expect, test } from 'vitest';
import { acknowledgement, call, readBackOf, row } from './test/calls.ts';
import { judgeCopy } from './compare-copies.ts';
import { type EpochStart, judge, type Judgement } from './judge-transfers.ts';
import type { ReadBack } from './read-back.ts';
import type { Acknowledgement, RecordedCall } from '../load/call-log.ts';

function counts(
  calls: readonly RecordedCall[],
  book: ReadBack,
  reAsked: ReadonlyMap<string, Acknowledgement> = new Map(),
  epochs: readonly EpochStart[] = [],
): Partial<Record<keyof Judgement, number>> {
  const judged = judge(calls, reAsked, [book], epochs);
  const found = Object.entries(judged).map(([name, those]) => [name, those.length] as const);
  return Object.fromEntries(found.filter(([, count]) => count > 0));
}

const started = (atMs: number) => [{ book: 1, epoch: 2, atMs }];

const unknown = { code: 'UNKNOWN', outcome: 'unknown', message: '' } as const;
const refused = { code: 'UNAVAILABLE', outcome: 'not_applied', message: '' } as const;

describe('answers that callers received, compared with the journals', () => {
  test('nothing is found where all agrees', () => {
    const calls = [
      call(),
      call({ key: 'a', acknowledged: acknowledgement({ transferId: 'a', seq: 11 }) }),
      call({ key: 'b', trouble: refused }),
      call({ key: 'c', trouble: unknown }),
    ];
    expect(counts(calls, readBackOf([row(), row({ key: 'a', id: 'a', seq: 11 })]))).toEqual({});
  });

  test('an acknowledged transfer that is not there is missing', () => {
    expect(counts([call()], readBackOf([]))).toEqual({ missing: 1 });
  });

  test('it is not missing where the journal of its book could not be read', () => {
    expect(counts([call()], { ...readBackOf([]), book: 2 })).toEqual({});
  });

  test('so is one that was acknowledged when its unknown outcome was queried again', () => {
    const again = new Map([['key-1', acknowledgement()]]);
    expect(counts([call({ trouble: unknown })], readBackOf([]), again)).toEqual({ missing: 1 });
    expect(counts([call({ trouble: unknown })], readBackOf([row()]), again)).toEqual({});
  });

  test('a key with two rows is a duplicate', () => {
    const twice = readBackOf([row(), row({ id: 'id-2', seq: 11 })]);
    expect(counts([call()], twice)).toEqual({ duplicates: 1 });
  });

  test('money that arrived twice is a duplicate', () => {
    const arrival = { book: 2, originId: 'id-1', originBook: 1, reason: '' };
    const sent = readBackOf([row({ peerBook: 2 })], [arrival, arrival]);
    expect(counts([call({ to: 'us-east' })], sent)).toEqual({ duplicates: 1 });
  });

  test.each([
    ['another amount', row({ amountMinor: '501' })],
    ['another payer', row({ debitAccount: '3' })],
    ['another payee', row({ payee: '3' })],
    ['another place', row({ seq: 11 })],
    ['another epoch', row({ epoch: 2 })],
    ['another id', row({ id: 'id-2' })],
    ['another kind', row({ kind: 'hold' })],
    ['a rejection', row({ reason: 'INSUFFICIENT_FUNDS' })],
  ])('%s in the journal contradicts the answer', (_name, changed) => {
    expect(counts([call()], readBackOf([changed]))).toEqual({ contradicted: 1 });
  });

  test('a posted transfer into another book must have arrived there', () => {
    const sent = row({ peerBook: 2 });
    const crossing = call({ to: 'us-east' });
    const peer = { ...readBackOf([]), book: 2 };
    const judged = judge([crossing], new Map(), [readBackOf([sent]), peer], []);
    expect(judged.contradicted).toEqual([crossing]);
    // Where that book could not be read, nothing is known of it.
    expect(counts([crossing], readBackOf([sent]))).toEqual({});
    const arrival = { book: 2, originId: 'id-1', originBook: 1, reason: '' };
    expect(counts([crossing], readBackOf([sent], [arrival]))).toEqual({});
    const refusal = { ...arrival, reason: 'CREDIT_ACCOUNT_CLOSED' };
    expect(counts([crossing], readBackOf([sent], [refusal]))).toEqual({ contradicted: 1 });
  });

  test('a row that differs from the request contradicts an unknown outcome as well', () => {
    const other = readBackOf([row({ amountMinor: '7' })]);
    expect(counts([call({ trouble: unknown })], other)).toEqual({ contradicted: 1 });
  });

  test('the answer "not applied" for a transfer that was applied is found', () => {
    expect(counts([call({ trouble: refused })], readBackOf([row()]))).toEqual({
      falselyRefused: 1,
    });
  });

  test('a row whose key no caller sent is a phantom', () => {
    expect(counts([call()], readBackOf([row(), row({ key: 'x', id: 'x', seq: 11 })]))).toEqual({
      phantoms: 1,
    });
  });

  test('an answer of an epoch that was deposed before the question is found', () => {
    const zombie = call({ sentAtMs: 5_000, endedAtMs: 5_010 });
    const book = readBackOf([row()]);
    expect(counts([zombie], book, new Map(), started(4_999))).toEqual({ deposed: 1 });
    // Sent before the newer epoch led: the older one may still have answered.
    expect(counts([zombie], book, new Map(), started(5_001))).toEqual({});
    // A replay repeats what an older epoch decided, whichever leader answers.
    const replay = call({ ...zombie, acknowledged: acknowledgement({ replayed: true }) });
    expect(counts([replay], book, new Map(), started(4_999))).toEqual({});
  });

  test('an answer of the newer epoch is evidence of it, too', () => {
    const newer = call({
      key: 'new',
      endedAtMs: 4_000,
      acknowledged: acknowledgement({ transferId: 'new', epoch: 2, seq: 9 }),
    });
    const rows = readBackOf([row(), row({ key: 'new', id: 'new', epoch: 2, seq: 9 })]);
    expect(counts([newer, call({ sentAtMs: 5_000 })], rows)).toEqual({ deposed: 1 });
  });
});

describe('a replica, compared with its primary', () => {
  const copy = { seq: 10, chain: 'aa' };
  test.each([
    ['the same chain value at its place', copy, 12, 'aa', 'prefix'],
    ['an empty copy', { seq: 0, chain: '00' }, 12, undefined, 'prefix'],
    ['another chain value', copy, 12, 'bb', 'differs'],
    ['a place at which the primary ended no batch', copy, 12, undefined, 'differs'],
    ['a place behind the end of the primary', copy, 9, 'aa', 'differs'],
  ])('%s', (_name, replica, primarySeq, chain, state) => {
    expect(judgeCopy(replica, primarySeq, chain).state).toBe(state);
  });
});
