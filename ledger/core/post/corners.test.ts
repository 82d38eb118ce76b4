import { expect, test } from 'vitest';
import type { OpenAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import { Leg } from '../../../proto/gen/meridian/v1/movement.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { RandomHistory, HistoryStep } from '../../testing/history/random-history.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import { HistoryRun } from '../../testing/history/run-history.ts';
import { accountId } from '../account-id.ts';
import { TOTAL_MAX } from '../limits.ts';
import { legId, settlementId, transferIdOf } from '../transfer-id.ts';

/**
 * What random histories come upon too seldom, each as a history of its own: post() must agree
 * with the model here as everywhere.
 */

type Fields = Partial<CreateTransferRequest>;
type Action = NonNullable<CreateTransferRequest['action']>;

const account = (book: number, number: number) => accountId(book, number);
const id = (key: string) => transferIdOf('', key);

const hold = (timeoutSeconds = 0): Action => ({ $case: 'hold', value: { timeoutSeconds } });
const capture = (key: string, final = false): Action => {
  return { $case: 'capture', value: { holdId: id(key), final } };
};
const reversal = (transferId: string): Action => ({ $case: 'reversal', value: { transferId } });

function asks(idempotencyKey: string, fields: Fields): HistoryStep {
  const request = transferRequest({ idempotencyKey, ...fields });
  return { kind: 'transfer', request, cut: false };
}

const deliver = (from: number, to: number, answerLost = false): HistoryStep => {
  const how = { count: 100, calls: 1, twice: false, gap: false, closeTwice: false, cut: false };
  return { kind: 'deliver', from, to, answerLost, ...how };
};

/** Reasons of some rows, by key or id, after a history with three accounts in two books. */
function reasonsOf(
  keys: readonly string[],
  steps: readonly HistoryStep[],
  limits: Partial<OpenAccountRequest> = {},
): (Reason | undefined)[] {
  const openings = [1, 2].flatMap((book) =>
    ['a', 'b', 'c'].map((externalId): HistoryStep => {
      return { kind: 'open', book, request: openRequest({ externalId, ...limits }), cut: false };
    }),
  );
  const history: RandomHistory = { books: 2, steps: [...openings, ...steps] };
  for (const cutAlways of [false, true]) new HistoryRun(history, cutAlways).run(history.steps);
  const run = new HistoryRun(history);
  run.run(history.steps);
  const rows = run.books.flatMap((book) => book.rows);
  return keys.map((key) => rows.find((row) => [key, id(key)].includes(row.id))?.reason);
}

test('a capture for another book is refused when the transit account is full', () => {
  const far = { creditAccountId: account(2, 1) };
  const steps = [
    asks('hold', { ...far, amount: 2n, action: hold() }),
    asks('fill', { ...far, debitAccountId: account(1, 2), amount: TOTAL_MAX - 1n }),
    asks('too much', { creditAccountId: 0n, amount: 2n, action: capture('hold') }),
    asks('all that fits', { creditAccountId: 0n, amount: 1n, action: capture('hold', true) }),
    asks('ended', { creditAccountId: 0n, amount: 0n, action: capture('hold') }),
  ];
  expect(reasonsOf(['too much', 'all that fits', 'ended'], steps)).toEqual([
    Reason.OVERFLOW,
    Reason.UNSPECIFIED,
    Reason.HOLD_CAPTURED,
  ]);
});

test('a leg of a group that failed cannot be reversed, not even in the batch that looked at it', () => {
  const [a, b] = [account(1, 1), account(1, 2)];
  const first = legId(id('group'), 0);
  const back = { debitAccountId: b, creditAccountId: a, amount: 0n, action: reversal(first) };
  const legs = [
    Leg.fromPartial({ debitAccountId: a, creditAccountId: b, amount: 5n }),
    Leg.fromPartial({ ...back, action: { $case: 'reversal', value: { transferId: first } } }),
    Leg.fromPartial({ debitAccountId: a, creditAccountId: account(1, 9), amount: 5n }),
  ];
  const steps = [
    asks('group', {
      debitAccountId: 0n,
      creditAccountId: 0n,
      amount: 0n,
      action: { $case: 'group', value: { legs } },
    }),
    asks('back', back),
  ];
  expect(reasonsOf(['group', 'back'], steps)).toEqual([
    Reason.CREDIT_ACCOUNT_NOT_FOUND,
    Reason.TRANSFER_NOT_REVERSIBLE,
  ]);
});

test.each([false, true])('a reversal cannot be reversed where it arrived, answered: %s', (lost) => {
  const [here, there] = [account(1, 1), account(2, 1)];
  const steps = [
    asks('transfer', { debitAccountId: here, creditAccountId: there, amount: 5n }),
    deliver(1, 2),
    asks('back', {
      debitAccountId: there,
      creditAccountId: here,
      amount: 3n,
      action: reversal(id('transfer')),
    }),
    deliver(2, 1, lost),
    asks('forth', {
      debitAccountId: here,
      creditAccountId: there,
      amount: 0n,
      action: reversal(id('back')),
    }),
  ];
  expect(reasonsOf(['back', 'forth'], steps)).toEqual([
    Reason.UNSPECIFIED,
    Reason.TRANSFER_NOT_REVERSIBLE,
  ]);
});

test('a payment of nothing to another book is reversed there, never where it was paid', () => {
  const [here, other, there] = [account(1, 1), account(1, 2), account(2, 1)];
  const steps = [
    asks('nothing', {
      debitAccountId: here,
      creditAccountId: there,
      amount: 5n,
      upTo: 1,
      allowZero: true,
    }),
    asks('elsewhere', {
      debitAccountId: other,
      creditAccountId: here,
      amount: 0n,
      action: reversal(id('nothing')),
    }),
  ];
  const limits = { min: { $case: 'minBalance', value: 0n } } as const;
  expect(reasonsOf(['nothing', 'elsewhere'], steps, limits)).toEqual([
    Reason.UNSPECIFIED,
    Reason.TRANSFER_NOT_REVERSIBLE,
  ]);
});

test('a reversal that came back is left to be reversed again', () => {
  const [here, there] = [account(1, 1), account(2, 1)];
  const back = { debitAccountId: there, creditAccountId: here, amount: 0n };
  const freeze = (key: string, value: 1 | 2): HistoryStep => ({
    kind: 'change',
    request: {
      idempotencyKey: key,
      namespace: '',
      accountId: here,
      by: 'eve',
      why: 'test',
      change: { $case: 'freeze', value },
      expectedVersion: undefined,
      dryRun: false,
    },
    cut: false,
  });
  const steps = [
    asks('transfer', { debitAccountId: here, creditAccountId: there, amount: 5n }),
    deliver(1, 2),
    freeze('freeze', 2),
    asks('first', { ...back, action: reversal(id('transfer')) }),
    asks('meanwhile', { ...back, action: reversal(id('transfer')) }),
    deliver(2, 1),
    freeze('thaw', 1),
    asks('second', { ...back, action: reversal(id('transfer')) }),
    asks('third', { ...back, action: reversal(id('transfer')) }),
  ];
  expect(reasonsOf(['first', 'meanwhile', 'second', 'third'], steps)).toEqual([
    Reason.UNSPECIFIED,
    Reason.REVERSAL_EXCEEDED,
    Reason.UNSPECIFIED,
    Reason.REVERSAL_EXCEEDED,
  ]);
});

test('the id of a settlement names no transfer', () => {
  const [here, there] = [account(1, 1), account(2, 1)];
  const steps = [
    asks('transfer', { debitAccountId: here, creditAccountId: there, amount: 5n }),
    deliver(1, 2),
    asks('back', {
      debitAccountId: there,
      creditAccountId: account(2, 2),
      amount: 1n,
      action: reversal(settlementId(1, id('transfer'))),
    }),
  ];
  expect(reasonsOf(['back'], steps)).toEqual([Reason.TRANSFER_NOT_FOUND]);
});

test('what is held in favour of an account counts when a leg arrives', () => {
  const payee = account(2, 1);
  const held = { debitAccountId: account(2, 2), creditAccountId: payee, amount: TOTAL_MAX - 4n };
  const steps = [
    asks('hold', { ...held, action: hold() }),
    asks('too much', { creditAccountId: payee, amount: 5n }),
    asks('all that fits', { creditAccountId: payee, amount: 4n }),
    deliver(1, 2),
  ];
  const arrived = ['too much', 'all that fits'].map((key) => settlementId(1, id(key)));
  expect(reasonsOf(arrived, steps)).toEqual([Reason.OVERFLOW, Reason.UNSPECIFIED]);
});
