import { describe, expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import type { AccountRead, Operation, ReadLevel } from '../history/operation.ts';
import { gatherEvidence } from './evidence.ts';
import { callOf, failing, good, rowOf } from './test/bad-run.ts';
import type { GoodRun } from './test/good-run.ts';

/** Reads of several accounts by the API, which are of one moment, not necessarily of the stated one. */

const book = must(
  gatherEvidence(good.story.history(), good.story.finals()).books.get(1),
  'the good run has book 1',
);

function idOf(externalId: string): bigint {
  const account = book.primary.accounts.find((one) => one.externalId === externalId);
  return must(account, `${externalId} is open`).id;
}

const stateAt = (externalId: string, seq: number): AccountRead =>
  must(book.stateAt(idOf(externalId), seq), 'it was open');

/** Adds a read that states `seq`; its accounts are as given, each as of its own seq. */
function read(
  { story }: GoodRun,
  level: ReadLevel,
  seq: number,
  accounts: readonly AccountRead[],
): Operation {
  const epoch = must(book.at(seq), 'the row is there').epoch;
  const reply = [{ position: { book: 1, epoch, seq }, whole: false, accounts }];
  return story.record('balances', { books: [1], level, minPosition: null }, reply);
}

const before = rowOf('hotel').seq;
const later = rowOf('coat').seq;

describe('reads of several accounts', () => {
  test('may be newer than the position that they state', () => {
    const verdicts = failing({
      history: (run) =>
        read(run, 'stale', before, [stateAt('alice', later), stateAt('shop', later)]),
    });
    expect(verdicts).toEqual([]);
  });

  test('are not older than the position that they state', () => {
    const verdicts = failing({
      history: (run) => read(run, 'stale', later, [stateAt('alice', before)]),
    });
    expect(verdicts).toEqual(['I12']);
  });

  test('have no account of one moment and one of another', () => {
    const verdicts = failing({
      history: (run) =>
        read(run, 'stale', before, [stateAt('alice', before), stateAt('shop', later)]),
    });
    expect(verdicts).toEqual(['I12']);
  });

  test('of an auditor are of exactly the position that they state', () => {
    const verdicts = failing({
      history: (run) => read(run, 'auditor', before, [stateAt('alice', later)]),
    });
    expect(verdicts).toEqual(['I12']);
  });

  test('do not see a part of a group', () => {
    const group = rowOf('basket');
    const [leg] = book.legs.get(group.id) ?? [];
    const { seq } = must(leg, 'it has legs');
    const verdicts = failing({
      history: (run) =>
        read(run, 'stale', group.seq - 1, [stateAt('shop', seq), stateAt('bank', seq)]),
    });
    expect(verdicts).toEqual(['I17']);
  });
});

describe('a copy that shows what its leader has not acknowledged yet', () => {
  const { seq } = rowOf('after');
  /** While a write is under way, a copy shows it; then another client asks the leader. */
  const asked = (level: ReadLevel) => (run: GoodRun) => {
    const { invokedNs } = callOf(run, 'after');
    for (const [afterNs, operation] of [
      [100, read(run, 'stale', seq - 1, [stateAt('alice', seq)])],
      [300, read(run, level, seq - 1, [stateAt('alice', seq - 1)])],
    ] as const) {
      const beganNs = invokedNs + afterNs;
      const endedNs = beganNs + 100;
      Object.assign(operation, { invokedNs: beganNs, completedNs: endedNs, returnedNs: endedNs });
    }
  };

  test('does not bind a read of the leader', () => {
    expect(failing({ history: asked('leader') })).toEqual([]);
  });

  test('binds a linearizable read', () => {
    expect(failing({ history: asked('linearizable') })).toEqual(['I7']);
  });
});
