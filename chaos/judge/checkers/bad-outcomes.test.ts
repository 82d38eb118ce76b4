import { describe, expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { RowKind } from '../../../ledger/core/journal-row.ts';
import {
  type Bad,
  answers,
  at,
  callOf,
  drop,
  entriesOf,
  failing,
  forged,
  alterReply,
  isTransit,
  less,
  NOTHING,
  overdrawnRead,
  replayOf,
  secondOf,
} from './test/bad-run.ts';

describe('one thing is wrong with outcomes and balances', () => {
  test.each<[string, string[], Bad]>([
    [
      'a leg of a transfer is dropped',
      ['I1', 'I7', 'I19'],
      { rows: forged('after', { entries: { ...entriesOf('after'), creditVersion: null } }) },
    ],
    [
      'a whole book was read out of balance',
      ['I1', 'I7'],
      {
        history: ({ story }) =>
          alterReply(
            story.operations.balances.find(({ value }) => value.level === 'leader'),
            ([read]) => [
              {
                ...read,
                accounts: read?.accounts.map((one, index) =>
                  index === 0 ? { ...one, credits: '999' } : one,
                ),
              },
            ],
          ),
      },
    ],
    [
      'a second leg was applied with another amount',
      ['I2', 'I3', 'I7'],
      {
        rows: {
          book: 2,
          change: at(secondOf('gift').seq, (row) => ({ ...row, amount: 69n })),
        },
      },
    ],
    [
      'a cut of two books lacks the amount in flight',
      // It is no prefix either: a prefix has it in the transit account.
      ['I2', 'I12'],
      {
        history: ({ story, alice }) =>
          alterReply(
            story.operations.balances.find(({ value }) => value.level === 'auditor'),
            (reads) =>
              reads.map((read) => ({
                ...read,
                accounts: read.accounts.map((state) => {
                  const { account, debits, credits } = state;
                  if (account === String(alice)) return { ...state, debits: less(debits, 7n) };
                  if (read.position.book !== 1 || !isTransit(account)) return state;
                  return { ...state, credits: less(credits, 7n) };
                }),
              })),
          ),
      },
    ],
    [
      'a leg arrived as another transfer',
      ['I3'],
      {
        rows: {
          book: 2,
          change: at(secondOf('gift').seq, (row) => ({ ...row, code: 9 })),
        },
      },
    ],
    [
      'the cursors of a channel are not those of its rows',
      ['I3'],
      {
        copies: (copy) => ({
          ...copy,
          channels: copy.channels.map((one) => ({ ...one, applied: one.applied + 1 })),
        }),
      },
    ],
    [
      'an acknowledged transfer is gone with the end of the journal',
      ['I4'],
      {
        rows: { book: 3, change: (row) => (row.key === 'third' ? null : row) },
      },
    ],
    [
      'an acknowledged transfer is in the journal as another one',
      ['I4', 'I5', 'I6'],
      { rows: forged('after', { code: 77 }) },
    ],
    [
      'an acknowledged transfer is gone, and its seq is used again',
      ['I4', 'I11'],
      {
        rows: {
          book: 3,
          change: (row) =>
            row.key === 'third' ? { ...row, kind: RowKind.takeOver, ...NOTHING } : row,
        },
      },
    ],
    [
      'a transfer was posted that no call asked for',
      ['I5'],
      {
        history: ({ story }) => drop(story.operations.transfers, 'after'),
      },
    ],
    [
      'a dry run was posted',
      ['I5'],
      {
        history: (run) =>
          Object.assign(callOf(run, 'after'), {
            value: { ...callOf(run, 'after').value, dryRun: true },
          }),
      },
    ],
    [
      'a key was answered at two places',
      ['I6'],
      {
        history: ({ story }) =>
          alterReply(replayOf(story), (answer) => ({
            ...answer,
            decidedAtMicros: answer.decidedAtMicros + 1,
          })),
      },
    ],
    [
      'a key was answered as new twice',
      ['I6'],
      { history: answers('bread', () => ({ replayed: false })) },
    ],
    [
      'another body got the outcome of the key',
      ['I4', 'I6'],
      {
        history: ({ story }) => {
          const replay = replayOf(story);
          Object.assign(replay, { value: { ...(replay.value as object), amount: 11n } });
        },
      },
    ],
    [
      'the same body was answered as a reused key',
      ['I6'],
      {
        history: ({ story }) =>
          alterReply(replayOf(story), (answer) => ({
            ...answer,
            status: 'REJECTED',
            reason: 'IDEMPOTENCY_KEY_REUSED',
            differingField: 'amount',
          })),
      },
    ],
    [
      'a balance differs from the sum of its entries',
      ['I1', 'I7', 'I19'],
      { rows: forged('after', { entries: { ...entriesOf('after'), creditCredits: 1n } }) },
    ],
    [
      'a transfer began after another had ended and came before it',
      ['I7'],
      {
        history: (run) => {
          const early = callOf(run, 'salary');
          const late = callOf(run, 'bread');
          Object.assign(early, {
            invokedNs: late.completedNs + 1,
            completedNs: late.completedNs + 2,
          });
          Object.assign(early, { returnedNs: late.completedNs + 2 });
        },
      },
    ],
    [
      'a linearizable read did not see an acknowledged transfer',
      ['I7'],
      {
        history: ({ story }) => {
          const read = story.operations.balances.find(
            ({ value }) => value.level === 'linearizable',
          );
          const { invokedNs } = must(story.operations.statements[0], 'there is a later one');
          Object.assign(must(read, 'it is there'), { invokedNs, completedNs: invokedNs + 1 });
        },
      },
    ],
    [
      'a look-up did not find an acknowledged transfer',
      ['I7', 'I12'],
      {
        history: ({ story }) =>
          alterReply(story.operations.lookUps[0], (reply) => ({ ...reply, found: null })),
      },
    ],
    ['an account was read below its limit', ['I1', 'I7', 'I9'], { history: overdrawnRead }],
    [
      'a limit is ignored',
      ['I9', 'I18'],
      {
        copies: (copy) => ({
          ...copy,
          accounts: copy.accounts.map((one) =>
            one.externalId === 'bob' ? { ...one, minBalance: 1_000n } : one,
          ),
        }),
      },
    ],
  ])('%s', (_, expected, bad) => {
    expect(failing(bad)).toEqual(expected);
  });
});
