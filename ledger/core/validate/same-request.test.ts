import { expect, test } from 'vitest';
import { ChangeAccountRequest, Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { Leg, UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import {
  differingAccountField,
  differingChangeField,
  differingTransferField,
  openedAs,
} from './same-request.ts';

type Action = CreateTransferRequest['action'];

const hold = (timeoutSeconds: number): Action => ({ $case: 'hold', value: { timeoutSeconds } });
const capture = (holdId: string, final: boolean): Action => ({
  $case: 'capture',
  value: { holdId, final },
});
const release = (holdId: string): Action => ({ $case: 'release', value: { holdId } });
const reversal = (transferId: string): Action => ({ $case: 'reversal', value: { transferId } });
const group = (...amounts: bigint[]): Action => ({
  $case: 'group',
  value: { legs: amounts.map((amount) => Leg.fromPartial({ amount })) },
});
const conditions = (...tests: [bigint, 'balanceAtLeast' | 'version', bigint][]) => ({
  allOf: tests.map(([accountId, $case, value]) => ({ accountId, test: { $case, value } })),
});

type Fields = Partial<CreateTransferRequest>;

test.each<[string, Fields, Fields]>([
  ['', {}, { wait: 2, dryRun: true, idempotencyKey: 'other', namespace: 'other' }],
  ['debit_account_id', {}, { debitAccountId: 9n, creditAccountId: 9n }],
  ['credit_account_id', {}, { creditAccountId: 9n, amount: 9n }],
  ['amount', {}, { amount: 9n, asset: 'EUR' }],
  ['asset', {}, { asset: 'EUR', code: 9 }],
  ['code', {}, { code: 9, reference: 'x' }],
  ['reference', {}, { reference: 'x', metadata: { a: '' } }],
  ['metadata', { metadata: { a: '1' } }, { metadata: {}, action: hold(1) }],
  ['metadata', { metadata: { a: '1' } }, { metadata: { a: '2' } }],
  ['metadata', { metadata: { a: '1' } }, { metadata: { b: '1' } }],
  ['metadata', { metadata: { a: '1' } }, { metadata: { a: '1', b: '1' } }],
  ['', { metadata: { a: '1', b: '2' } }, { metadata: { b: '2', a: '1' } }],
  ['metadata', { metadata: { a: '' } }, { metadata: { toString: '' } }],
  ['action', {}, { action: hold(0), upTo: UpTo.BOTH }],
  ['action', { action: hold(0) }, {}],
  ['action', { action: capture('a', true) }, { action: release('a') }],
  ['action', { action: release('a') }, { action: capture('a', false) }],
  ['action', { action: reversal('a') }, { action: release('a') }],
  ['action', { action: group() }, { action: hold(0) }],
  ['action', { action: hold(0) }, { action: group() }],
  ['', { action: hold(5) }, { action: hold(5) }],
  ['hold.timeout_seconds', { action: hold(5) }, { action: hold(6), upTo: UpTo.BOTH }],
  ['', { action: capture('a', true) }, { action: capture('a', true) }],
  ['capture.hold_id', { action: capture('a', true) }, { action: capture('b', false) }],
  ['capture.final', { action: capture('a', true) }, { action: capture('a', false) }],
  ['', { action: release('a') }, { action: release('a') }],
  ['release.hold_id', { action: release('a') }, { action: release('b') }],
  ['', { action: reversal('a') }, { action: reversal('a') }],
  ['reversal.transfer_id', { action: reversal('a') }, { action: reversal('b') }],
  ['', { action: group(1n, 2n) }, { action: group(1n, 2n) }],
  ['group.legs', { action: group(1n, 2n) }, { action: group(2n) }],
  ['group.legs', { action: group(1n) }, { action: group(1n, 2n) }],
  ['group.legs[1].amount', { action: group(1n, 2n, 3n) }, { action: group(1n, 3n, 4n) }],
  ['up_to', {}, { upTo: UpTo.BOTH, conditions: conditions() }],
  ['conditions', {}, { conditions: conditions() }],
  ['conditions', { conditions: conditions() }, {}],
  [
    '',
    { conditions: conditions([1n, 'version', 2n]) },
    { conditions: conditions([1n, 'version', 2n]) },
  ],
  ['conditions', { conditions: conditions([1n, 'version', 2n]) }, { conditions: conditions() }],
  [
    'conditions',
    { conditions: conditions([1n, 'version', 2n]) },
    { conditions: conditions([2n, 'version', 2n]) },
  ],
  [
    'conditions',
    { conditions: conditions([1n, 'version', 2n]) },
    { conditions: conditions([1n, 'version', 3n]) },
  ],
  [
    'conditions',
    { conditions: conditions([1n, 'version', 2n]) },
    { conditions: conditions([1n, 'balanceAtLeast', 2n]) },
  ],
  [
    'conditions',
    { conditions: conditions([1n, 'version', 2n], [1n, 'version', 3n]) },
    { conditions: conditions([1n, 'version', 2n], [1n, 'version', 4n]) },
  ],
  [
    'conditions',
    { conditions: conditions([1n, 'version', 2n]) },
    { conditions: { allOf: [{ accountId: 1n, test: undefined }] } },
  ],
  [
    '',
    { conditions: { allOf: [{ accountId: 1n, test: undefined }] } },
    { conditions: { allOf: [{ accountId: 1n, test: undefined }] } },
  ],
])('the first field of a transfer that differs is "%s"', (field, a, b) => {
  expect(differingTransferField(transferRequest(a), transferRequest(b))).toBe(field);
});

const limits = (minBalance?: bigint, maxBalance?: bigint): ChangeAccountRequest['change'] => ({
  $case: 'limits',
  value: { minBalance, maxBalance },
});
const freeze = (value: Freeze): ChangeAccountRequest['change'] => ({ $case: 'freeze', value });
const metadata = (a: string): ChangeAccountRequest['change'] => ({
  $case: 'metadata',
  value: { metadata: { a } },
});

type Change = Partial<ChangeAccountRequest>;

const change = (fields: Change) => ({ ...ChangeAccountRequest.fromPartial({}), ...fields });

test.each<[string, Change, Change]>([
  ['', {}, { idempotencyKey: 'other', namespace: 'other', dryRun: true }],
  ['account_id', {}, { accountId: 9n, by: 'b' }],
  ['by', {}, { by: 'b', why: 'w' }],
  ['why', {}, { why: 'w', change: freeze(Freeze.IN) }],
  ['change', {}, { change: freeze(Freeze.IN), expectedVersion: 1n }],
  ['change', { change: freeze(Freeze.IN) }, {}],
  ['change', { change: freeze(Freeze.IN) }, { change: limits() }],
  ['', { change: freeze(Freeze.IN) }, { change: freeze(Freeze.IN) }],
  ['freeze', { change: freeze(Freeze.IN) }, { change: freeze(Freeze.OUT) }],
  ['', { change: { $case: 'close', value: {} } }, { change: { $case: 'close', value: {} } }],
  ['', { change: limits(1n, 2n) }, { change: limits(1n, 2n) }],
  ['limits.min_balance', { change: limits(1n, 2n) }, { change: limits(undefined, 3n) }],
  ['limits.max_balance', { change: limits(1n, 2n) }, { change: limits(1n) }],
  ['', { change: metadata('1') }, { change: metadata('1') }],
  ['metadata.metadata', { change: metadata('1') }, { change: metadata('2') }],
  ['expected_version', {}, { expectedVersion: 0n }],
])('the first field of a change that differs is "%s"', (field, a, b) => {
  expect(differingChangeField(change(a), change(b))).toBe(field);
});

test('an opening is what it comes to', () => {
  const unset = openedAs(openRequest({ min: undefined, asset: 'EUR/2', metadata: { a: '1' } }));
  expect(unset).toEqual({ asset: 'EUR', minBalance: 0n, maxBalance: null, metadata: { a: '1' } });
  const none = openedAs(
    openRequest({
      min: { $case: 'noMinBalance', value: true },
      max: { $case: 'noMaxBalance', value: true },
    }),
  );
  expect([none.minBalance, none.maxBalance]).toEqual([null, null]);
  const both = openedAs(
    openRequest({
      min: { $case: 'minBalance', value: -1n },
      max: { $case: 'maxBalance', value: 2n },
    }),
  );
  expect([both.minBalance, both.maxBalance]).toEqual([-1n, 2n]);
  const differing = (fields: object) => differingAccountField(both, { ...both, ...fields });
  expect(differing({})).toBe('');
  expect(differing({ asset: 'USD', minBalance: 0n })).toBe('asset');
  expect(differing({ minBalance: 0n, maxBalance: 0n })).toBe('min_balance');
  expect(differing({ maxBalance: 0n, metadata: { a: '' } })).toBe('max_balance');
  expect(differing({ metadata: { a: '' } })).toBe('metadata');
});
