import { describe, expect, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import {
  type Bad,
  answers,
  at,
  callOf,
  failing,
  forged,
  alterReply,
  rowOf,
  staleRead,
} from './test/bad-run.ts';

describe('one thing is wrong with journals, reads and faults', () => {
  test.each<[string, string[], Bad]>([
    [
      'a hold expired before its time, by the clock of the clients',
      ['I10'],
      {
        history: (run) => {
          const invokedNs = callOf(run, 'forgotten').completedNs + 1;
          const completedNs = invokedNs + 1;
          Object.assign(callOf(run, 'forgotten too long'), { invokedNs, completedNs });
        },
      },
    ],
    [
      'a hold was captured long after its time, by the clock of the clients',
      ['I10'],
      {
        history: ({ story, alice, bank }) => {
          const holdId = story.transfer('slow', {
            debitAccountId: alice,
            creditAccountId: bank,
            amount: 1n,
            action: { $case: 'hold', value: { timeoutSeconds: 2 } },
          });
          // Only the harness's clock advances.
          story.ns += 3e9;
          const book = story.book(1);
          book.waitUntil = () => {};
          story.transfer('slow capture', {
            debitAccountId: alice,
            creditAccountId: 0n,
            amount: 1n,
            action: { $case: 'capture', value: { holdId, final: true } },
          });
          expect(book.rows.at(-1)?.reason).toBe(0);
        },
      },
    ],
    [
      'a hold is drawn on beyond what is left',
      ['I10'],
      {
        rows: {
          book: 1,
          change: at(rowOf('night').seq, (row) => ({
            ...row,
            details: {
              ...must(row.details, 'it draws'),
              drawn: { id: rowOf('hotel').id, left: 70n },
            },
          })),
        },
      },
    ],
    [
      'a copy has another row',
      ['I11'],
      {
        copies: (copy) =>
          copy.region === 'us-east' && copy.book === 1
            ? {
                ...copy,
                rows: copy.rows.map((one) =>
                  one.row.key === 'after' ? { ...one, row: { ...one.row, code: 5 } } : one,
                ),
              }
            : copy,
      },
    ],
    [
      'the chain does not verify',
      ['I11'],
      {
        copies: (copy) =>
          copy.book === 1
            ? {
                ...copy,
                rows: copy.rows.map((one) =>
                  one.row.key === 'after' ? { ...one, chain: Buffer.alloc(32) } : one,
                ),
              }
            : copy,
      },
    ],
    [
      'a copy was read in a state that it never had',
      ['I1', 'I12'],
      { history: staleRead((one, index) => (index === 0 ? { ...one, credits: '1' } : one)) },
    ],
    [
      'a read is older than its bound',
      ['I12'],
      {
        history: ({ story }) => {
          const operation = story.operations.balances.find(({ value }) => value.level === 'stale');
          const minPosition = { book: 1, epoch: 1, seq: 10_000 };
          Object.assign(must(operation, 'it is there'), {
            value: { ...operation?.value, minPosition },
          });
        },
      },
    ],
    [
      'a copy was read at a place that is not in the journal',
      ['I12'],
      {
        history: ({ story }) =>
          alterReply(
            story.operations.balances.find(({ value }) => value.level === 'stale'),
            (reads) => reads.map((read) => ({ ...read, position: { ...read.position, epoch: 2 } })),
          ),
      },
    ],
    [
      'a deposed leader acknowledged',
      ['I14'],
      {
        history: ({ story }) => {
          const known = must(
            story.epochs.find(({ book, epoch }) => book === 1 && epoch === 2),
            'it is',
          );
          Object.assign(known, { ns: 0 });
        },
      },
    ],
    [
      'a group has one leg less',
      ['I4', 'I17'],
      {
        history: answers('basket', ({ legs }) => ({
          legs: legs.map((leg, index) => (index === 0 ? { ...leg, status: 'REJECTED' } : leg)),
        })),
      },
    ],
    [
      'a read is of a moment within a group',
      ['I17'],
      {
        history: ({ story }) =>
          alterReply(story.operations.statements[0], (reply) => ({
            ...reply,
            position: { book: 1, epoch: 1, seq: rowOf('basket').seq + 1 },
          })),
      },
    ],
    [
      'a group in the journal states more legs than it has',
      ['I17'],
      {
        rows: {
          book: 1,
          change: at(rowOf('too much').seq, (row) => ({
            ...row,
            details: {
              ...must(row.details, 'it has legs'),
              options: '{"action":"group","legs":3}',
            },
          })),
        },
      },
    ],
    [
      'a row was once read with another content',
      ['I18'],
      {
        history: ({ story }) =>
          alterReply(story.operations.pages[0], ({ events }) => ({
            events: events.map((event, index) =>
              index === 7 ? { ...event, amount: '31' } : event,
            ),
          })),
      },
    ],
    [
      'a database lets rows be changed',
      ['I18'],
      { copies: (copy) => ({ ...copy, changeable: ['table journal has no trigger'] }) },
    ],
    [
      'a partition of a journal is not as it must be',
      ['I11'],
      { copies: (copy) => ({ ...copy, partitions: { count: 2, wrong: ['it has no index'] } }) },
    ],
    [
      'a transfer was looked up as another',
      ['I18'],
      {
        history: ({ story }) =>
          alterReply(story.operations.lookUps[0], ({ found, ...reply }) => ({
            ...reply,
            found: { ...found, actualAmount: '4' },
          })),
      },
    ],
    [
      'a view of a copy differs from the sum of its entries',
      ['I19'],
      {
        copies: (copy) => ({
          ...copy,
          trialBalance: copy.trialBalance.map((line) => ({ ...line, debits: '1', credits: '1' })),
        }),
      },
    ],
    [
      'a statement lacks an entry',
      ['I19'],
      {
        history: ({ story }) =>
          alterReply(story.operations.statements[0], (reply) => ({
            ...reply,
            entries: reply.entries.slice(1),
          })),
      },
    ],
    [
      'a subscription left an event out',
      ['I20'],
      {
        history: ({ story }) =>
          alterReply(story.operations.pages[0], ({ events }) => ({
            events: events.toSpliced(4, 1),
          })),
      },
    ],
    [
      'a subscription delivered an event twice',
      ['I20'],
      {
        history: ({ story }) =>
          alterReply(story.operations.pages[1], ({ events }) => ({
            events: [...events, ...events.slice(-1)],
          })),
      },
    ],
    [
      'a transfer answered as not applied was applied',
      ['I21', 'I22', 'I23'],
      {
        history: (run) => {
          const fault = { code: 'UNAVAILABLE', message: '' };
          Object.assign(callOf(run, 'third'), { type: 'fail', reply: null, fault });
        },
      },
    ],
    [
      'a reason was not true',
      ['I21'],
      {
        rows: forged('boat', { reason: 19 }),
        history: answers('boat', () => ({ reason: 'DEBIT_ACCOUNT_CLOSED' })),
      },
    ],
    [
      'available funds were refused',
      ['I4', 'I5', 'I6', 'I21'],
      { rows: forged('boat', { amount: 5n }) },
    ],
    [
      'a transfer answered as rejected was applied',
      ['I21'],
      {
        history: answers('after', () => ({ status: 'REJECTED', reason: 'INSUFFICIENT_FUNDS' })),
      },
    ],
    [
      'a call failed with no fault near',
      ['I22'],
      { history: ({ story }) => story.faults.splice(1) },
    ],
    [
      'a call took too long',
      ['I22'],
      {
        history: (run) => {
          const call = callOf(run, 'third');
          const returnedNs = call.invokedNs + 5e9;
          Object.assign(call, { completedNs: returnedNs, returnedNs });
        },
      },
    ],
    [
      'a book served nothing after the heal',
      ['I22', 'I23'],
      {
        history: (run) => {
          const call = callOf(run, 'third');
          const fault = { code: 'RESOURCE_EXHAUSTED', message: '' };
          Object.assign(call, { type: 'info', reply: null, fault, completedNs: Infinity });
        },
      },
    ],
    [
      'a transfer is in transit permanently',
      ['I23'],
      {
        history: ({ story, alice, bob }) => {
          const fields = { debitAccountId: alice, creditAccountId: bob, amount: 1n };
          story.transfer('stuck', fields);
        },
      },
    ],
    [
      'a prepared transaction is left over',
      ['I23'],
      { copies: (copy) => ({ ...copy, preparedTransactions: 1 }) },
    ],
  ])('%s', (_, expected, bad) => {
    expect(failing(bad)).toEqual(expected);
  });
});
