import { describe, expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { RowKind } from '../../../ledger/core/journal-row.ts';
import { openRequest } from '../../../ledger/testing/books/book-requests.ts';
import { ChangeAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import type { CopyRead } from '../history/copy-reads.ts';
import type { Operation } from '../history/operation.ts';
import { type Bad, callOf, failing, good, alterReply, rowOf } from './test/bad-run.ts';

/** Moves a call to right after the end of another. */
function moved(operation: Operation, after: Operation): void {
  const invokedNs = after.completedNs + 1;
  Object.assign(operation, { invokedNs, completedNs: invokedNs + 1, returnedNs: invokedNs + 1 });
}

const nowhere = { book: 1, epoch: 2, seq: 9_999 };
const ofBook = (book: number, change: (copy: CopyRead) => Partial<CopyRead>) => (copy: CopyRead) =>
  copy.book === book ? { ...copy, ...change(copy) } : copy;

const lastOf = (book: number) => must(good.story.book(book).rows.at(-1), 'there are rows');

describe('one thing is wrong with legs between books', () => {
  test.each<[string, string[], Bad]>([
    [
      'a leg that arrived never left',
      ['I3', 'I4'],
      { rows: { book: 2, change: (row) => (row.key === 'there too' ? null : row) } },
    ],
    [
      // Both transit accounts agree that it is still in flight.
      'a settled leg never arrived',
      ['I3', 'I4'],
      { rows: { book: 1, change: (row) => (row.seq === lastOf(1).seq ? null : row) } },
    ],
    [
      'a delivered leg was returned, and a refused one was not',
      // Its original row had been read before.
      ['I3', 'I4', 'I18'],
      {
        rows: {
          book: 1,
          change: (row) =>
            row.kind === RowKind.return ? { ...row, originId: rowOf('gift').id } : row,
        },
      },
    ],
    [
      'a return gave another amount',
      ['I2', 'I3', 'I7', 'I18'],
      {
        rows: {
          book: 1,
          change: (row) => (row.kind === RowKind.return ? { ...row, amount: 61n } : row),
        },
      },
    ],
  ])('%s', (_, expected, bad) => {
    expect(failing(bad)).toEqual(expected);
  });
});

describe('one thing is wrong, in another way', () => {
  test.each<[string, string[], Bad]>([
    [
      'an acknowledged change is lost',
      ['I4'],
      {
        history: ({ story, alice }) => {
          const names = { idempotencyKey: 'ghost', namespace: 'run', accountId: alice };
          const request = ChangeAccountRequest.fromPartial(names);
          story.record('change', request, { reason: '', replayed: false, position: nowhere });
        },
      },
    ],
    [
      'an acknowledged account is lost',
      ['I4'],
      {
        history: ({ story }) => {
          const reply = { accountId: '281474976719999', replayed: false, position: nowhere };
          story.record('open', openRequest({ externalId: 'ghost' }), reply);
        },
      },
    ],
    [
      'an account was opened that no call asked for',
      ['I5'],
      { history: ({ story }) => story.operations.opens.pop() },
    ],
    [
      'a look-up saw a hold expired before its time',
      ['I10'],
      {
        history: (run) => {
          const { id, seq, epoch } = rowOf('forgotten');
          const position = { book: 1, epoch, seq };
          const found = { transferId: id, status: 'EXPIRED', reason: '', position, legs: [] };
          const value = { book: 1, transferId: id, level: 'leader', minPosition: null };
          const reply = { position, found: { ...found, actualAmount: '25' } };
          moved(run.story.record('look_up', value, reply), callOf(run, 'forgotten'));
        },
      },
    ],
    [
      'a copy is ahead of its primary',
      ['I11'],
      {
        copies: (copy) =>
          copy.book === 3 && copy.region === 'us-east'
            ? { ...copy, rows: [...copy.rows, { row: lastOf(3), chain: null, recipe: null }] }
            : copy,
      },
    ],
    [
      'a head is not where its journal ends',
      ['I11'],
      { copies: ofBook(3, ({ head }) => ({ head: { ...head, chain: Buffer.alloc(32) } })) },
    ],
    [
      // Its time is long before the request.
      'an answer came from an epoch that another answer had ended',
      ['I10', 'I14', 'I21'],
      {
        history: (run) => {
          run.story.epochs.length = 0;
          moved(callOf(run, 'villa'), callOf(run, 'after'));
        },
      },
    ],
    [
      'a deposed leader answered a linearizable read',
      ['I7', 'I14'],
      {
        history: (run) => {
          const { balances } = run.story.operations;
          const read = balances.find(({ value }) => value.level === 'linearizable');
          moved(must(read, 'it is there'), callOf(run, 'there too'));
        },
      },
    ],
    [
      'a group was looked up with one leg of two',
      ['I17', 'I18'],
      {
        history: ({ story }) =>
          alterReply(story.operations.lookUps[0], (reply) => {
            const found = must(reply.found ?? undefined, 'it was found');
            const legs = found.legs.map((leg, at) =>
              at === 0 ? { ...leg, status: 'REJECTED' } : leg,
            );
            return { ...reply, found: { ...found, legs } };
          }),
      },
    ],
    [
      'an account differs in its table from its opening',
      ['I18'],
      {
        copies: ofBook(3, ({ accounts }) => ({
          accounts: accounts.map((account) => ({ ...account, maxBalance: 10_000n })),
        })),
      },
    ],
    [
      'a statement does not add up to its closing',
      ['I19'],
      {
        history: ({ story }) =>
          alterReply(story.operations.statements[0], (reply) => ({
            ...reply,
            entries: reply.entries.map((entry) => ({ ...entry, amount: '1' })),
          })),
      },
    ],
    [
      'a subscription began at another position than requested',
      ['I20'],
      {
        history: ({ story }) => {
          const page = must(story.operations.pages[1], 'there is a second one');
          Object.assign(page, { value: { ...page.value, after: 9 } });
        },
      },
    ],
    [
      'a call was refused from a state older than itself',
      ['I21'],
      { history: (run) => moved(callOf(run, 'villa'), callOf(run, 'basket')) },
    ],
    [
      'a hold should have expired long ago',
      ['I23'],
      {
        history: ({ story, alice, bank }) => {
          const action = { $case: 'hold', value: { timeoutSeconds: 2 } } as const;
          const fields = { debitAccountId: alice, creditAccountId: bank, amount: 1n, action };
          story.transfer('never swept', fields);
          story.pass(20_000);
          story.transfer('later', { debitAccountId: bank, creditAccountId: alice, amount: 1n });
        },
      },
    ],
  ])('%s', (_, expected, bad) => {
    expect(failing(bad)).toEqual(expected);
  });
});
