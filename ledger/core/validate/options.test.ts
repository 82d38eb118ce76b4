import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChangeAccountRequest, Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { transferRequest } from '../../testing/books/book-requests.ts';
import {
  amountIsOpen,
  changeOptions,
  storedChange,
  storedOptions,
  transferOptions,
} from './options.ts';

test('what is stored of a request never changes between releases', () => {
  const conditions = {
    allOf: [
      { accountId: 7n, test: { $case: 'balanceAtLeast', value: -1n } as const },
      { accountId: 8n, test: { $case: 'balanceAtMost', value: 2n } as const },
      { accountId: 9n, test: { $case: 'version', value: 3n } as const },
    ],
  };
  const id = '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b';
  expect(transferOptions(transferRequest())).toBe('');
  expect(
    transferOptions(
      transferRequest({
        action: { $case: 'hold', value: { timeoutSeconds: 60 } },
        upTo: UpTo.BOTH,
        amount: 5n,
        conditions,
      }),
    ),
  ).toBe(
    '{"action":"hold","timeout_seconds":60,"up_to":3,"amount":"5","conditions":[' +
      '{"account_id":"7","balanceAtLeast":"-1"},{"account_id":"8","balanceAtMost":"2"},' +
      '{"account_id":"9","version":"3"}]}',
  );
  const hold = { $case: 'hold', value: { timeoutSeconds: 60 } } as const;
  expect(transferOptions(transferRequest({ action: hold, amount: 5n }))).toBe(
    '{"action":"hold","timeout_seconds":60}',
  );
  const part = { $case: 'capture', value: { holdId: 'a "quoted" \\ é', final: false } } as const;
  expect(transferOptions(transferRequest({ action: part, amount: 5n }))).toBe(
    '{"action":"capture","hold_id":"a \\"quoted\\" \\\\ é","final":false}',
  );
  const capture = { $case: 'capture', value: { holdId: id, final: true } } as const;
  expect(transferOptions(transferRequest({ action: capture, amount: 0n }))).toBe(
    `{"action":"capture","hold_id":"${id}","final":true,"amount":"0"}`,
  );
  const release = { $case: 'release', value: { holdId: id } } as const;
  expect(transferOptions(transferRequest({ action: release, amount: 0n }))).toBe(
    `{"action":"release","hold_id":"${id}","amount":"0"}`,
  );
  const reversal = { $case: 'reversal', value: { transferId: id } } as const;
  expect(transferOptions(transferRequest({ action: reversal }))).toBe(
    `{"action":"reversal","transfer_id":"${id}"}`,
  );
  const action = { $case: 'group' as const, value: { legs: [] } };
  expect(transferOptions(transferRequest({ action, amount: 0n }))).toBe(
    '{"action":"group","legs":0}',
  );
  expect(changeOptions(change({ change: { $case: 'freeze', value: Freeze.IN } }))).toBe(
    '{"change":"freeze","freeze":2}',
  );
  expect(
    changeOptions(
      change({
        change: { $case: 'limits', value: { minBalance: undefined, maxBalance: 5n } },
        expectedVersion: 7n,
      }),
    ),
  ).toBe('{"change":"limits","min_balance":null,"max_balance":"5","expected_version":"7"}');
  // The view `balance` finds the newest metadata by how this begins.
  expect(changeOptions(change({ change: { $case: 'metadata', value: { metadata: {} } } }))).toBe(
    '{"change":"metadata"}',
  );
});

const change = (fields: Partial<ChangeAccountRequest>): ChangeAccountRequest => ({
  ...ChangeAccountRequest.fromPartial({}),
  ...fields,
});

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const conditions = fc.option(
  fc.record({
    allOf: fc.array(
      fc.record({
        accountId: int64,
        test: fc.record({
          $case: fc.constantFrom('balanceAtLeast', 'balanceAtMost', 'version'),
          value: int64,
        }),
      }),
      { maxLength: 3 },
    ),
  }),
  { nil: undefined },
);
const actions = fc.constantFrom<CreateTransferRequest['action']>(
  undefined,
  { $case: 'hold', value: { timeoutSeconds: 5 } },
  { $case: 'capture', value: { holdId: 'a', final: true } },
  { $case: 'capture', value: { holdId: 'b', final: false } },
  { $case: 'release', value: { holdId: 'c' } },
  { $case: 'reversal', value: { transferId: 'd' } },
  { $case: 'group', value: { legs: [] } },
);

test('what is stored of a transfer is read back as it was asked', () => {
  fc.assert(
    fc.property(
      fc.record({
        action: actions,
        conditions,
        upTo: fc.constantFrom(...Object.values(UpTo)),
        amount: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        allowZero: fc.boolean(),
        rest: fc.boolean(),
      }),
      (asWritten) => {
        const { upTo: side, allowZero } = asWritten;
        // Without `up_to` there is no such request.
        const fields = { ...asWritten, allowZero: allowZero && side !== UpTo.UNSPECIFIED };
        const request = { ...transferRequest(fields), rest: fields.rest };
        const { amount, ...stored } = storedOptions(transferOptions(request));
        const { action, upTo, conditions: asked, rest } = fields;
        const again = { action, upTo, conditions: asked, allowZero: fields.allowZero, rest };
        expect(stored).toEqual(again);
        const plain = action === undefined && upTo === 0 && asked === undefined && !rest;
        expect(amount).toBe(!plain && amountIsOpen(request) ? fields.amount : undefined);
      },
    ),
  );
});

test('what is stored of a change is read back as it was asked', () => {
  const metadata = { a: '1' };
  const limit = fc.option(int64, { nil: undefined });
  const changes = fc.oneof(
    fc.constantFrom(
      { $case: 'close', value: {} } as const,
      { $case: 'reopen', value: {} } as const,
      { $case: 'metadata', value: { metadata } } as const,
      ...Object.values(Freeze).map((value) => ({ $case: 'freeze', value }) as const),
    ),
    fc.record({
      $case: fc.constant('limits' as const),
      value: fc.record({ minBalance: limit, maxBalance: limit }),
    }),
  );
  fc.assert(
    fc.property(changes, limit, (asked, expectedVersion) => {
      const request = change({ change: asked, expectedVersion });
      const stored = storedChange(changeOptions(request), metadata);
      expect(stored).toEqual({ change: asked, expectedVersion });
    }),
  );
});
