import { expect, test } from 'vitest';
import { ChangeAccountRequest, Freeze } from '../../../proto/gen/meridian/v1/account.ts';
import { Leg, UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import { accountId } from '../account-id.ts';
import { type FieldViolation, validateAll } from './validate.ts';
import {
  validateAsset,
  validateChange,
  validateExternalId,
  validateOpening,
} from './validate-account.ts';
import { validateDryRun } from './validate-dry-run.ts';
import { validateTransfer } from './validate-transfer.ts';

/** What callers receive, a line each. */
const lines = (found: readonly FieldViolation[]) =>
  `\n${found.map(({ field, description }) => `${field}: ${description}`).join('\n')}\n`;

const [HERE, AWAY] = [accountId(1, 1), accountId(2, 1)];

test('what is wrong with a transfer', () => {
  const request = CreateTransferRequest.fromPartial({ code: -1, asset: '?', namespace: '\0' });
  const found = validateTransfer({ ...request, reference: '\0', metadata: { '': '' } });
  expect(lines(found)).toMatchInlineSnapshot(`
    "
    idempotency_key: must have 1 to 128 characters, none of them NUL or U+FFFD
    namespace: must have at most 64 characters, none of them NUL or U+FFFD
    debit_account_id: must be an account id: book number in the top 16 bits
    credit_account_id: must be an account id: book number in the top 16 bits
    credit_account_id: must not be the debit account
    amount: must be greater than zero
    asset: must be 1 to 16 of A-Z, 0-9, "_", "." and "-"; with its scale, "/" and 0 to 18 follow
    code: must not be negative
    reference: must have at most 128 characters, none of them NUL or U+FFFD
    metadata: must have at most 16 pairs, names of 1 to 64 and values of up to 256 characters, none of them NUL or U+FFFD
    "
  `);
});

test('what is wrong with an action', () => {
  const actions: CreateTransferRequest['action'][] = [
    { $case: 'hold', value: { timeoutSeconds: -1 } },
    { $case: 'capture', value: { holdId: '', final: false } },
    { $case: 'release', value: { holdId: '' } },
    { $case: 'reversal', value: { transferId: '' } },
  ];
  const upTo = UpTo.CREDIT_ROOM;
  const found = actions.flatMap((action) =>
    validateTransfer(transferRequest({ action, upTo, amount: -1n, creditAccountId: AWAY })),
  );
  expect(lines(found)).toMatchInlineSnapshot(`
    "
    amount: must be greater than zero
    hold.timeout_seconds: must not be negative
    up_to: can look at the credit account only if it is in the book of the debit account
    credit_account_id: must be unset: a capture goes to the payee of its hold
    amount: must not be negative; zero is all that is left
    capture.hold_id: must be a transfer id: a UUID in its canonical form
    up_to: is only for plain transfers and holds
    up_to: can look at the credit account only if it is in the book of the debit account
    credit_account_id: must be unset: a release goes to the payee of its hold
    amount: must be unset: a release frees all that is left
    release.hold_id: must be a transfer id: a UUID in its canonical form
    up_to: is only for plain transfers and holds
    up_to: can look at the credit account only if it is in the book of the debit account
    amount: must not be negative; zero is all that is left
    reversal.transfer_id: must be a transfer id: a UUID in its canonical form
    up_to: is only for plain transfers and holds
    up_to: can look at the credit account only if it is in the book of the debit account
    "
  `);
});

test('what is wrong with conditions', () => {
  const allOf = [{ accountId: AWAY, test: undefined }];
  const found = [
    ...validateTransfer(transferRequest({ conditions: { allOf } })),
    ...validateTransfer(transferRequest({ conditions: { allOf: [] }, upTo: UpTo.UNRECOGNIZED })),
  ];
  expect(lines(found)).toMatchInlineSnapshot(`
    "
    conditions.all_of[0].account_id: must be an account in the book of the debit account
    conditions.all_of[0].test: must be set
    up_to: -1 is not a value of UpTo
    conditions.all_of: must have 1 to 8 items, not 0
    "
  `);
});

test('what is wrong with a group', () => {
  const leg = { debitAccountId: HERE, creditAccountId: AWAY, amount: 1n };
  const legs = [leg, { ...leg, debitAccountId: AWAY, amount: 0n }].map((one) =>
    Leg.fromPartial(one),
  );
  const group = { $case: 'group', value: { legs } } as const;
  const found = [
    ...validateTransfer(
      transferRequest({
        action: group,
        asset: 'EUR',
        upTo: UpTo.BOTH,
        conditions: { allOf: [] },
      }),
    ),
    ...validateTransfer(
      transferRequest({
        debitAccountId: 0n,
        creditAccountId: 0n,
        amount: 0n,
        action: { $case: 'group', value: { legs: [] } },
      }),
    ),
  ];
  expect(lines(found)).toMatchInlineSnapshot(`
    "
    debit_account_id: must be unset: a group has it in its legs
    credit_account_id: must be unset: a group has it in its legs
    amount: must be unset: a group has it in its legs
    asset: must be unset: a group has it in its legs
    up_to: must be unset: a group has it in its legs
    conditions: must be unset: a group has it in its legs
    group.legs[1].credit_account_id: must not be the debit account
    group.legs[1].amount: must be greater than zero
    group.legs[1].debit_account_id: GROUP_SPANS_BOOKS: must lie in book 1 as that of the first leg
    group.legs: must have 1 to 1000 items, not 0
    "
  `);
});

test('what is wrong with an opening', () => {
  const wrong = {
    externalId: 'transit:\0',
    asset: '',
    min: { $case: 'minBalance', value: 2n },
    max: { $case: 'maxBalance', value: 1n },
    metadata: { '': '' },
  } as const;
  const found = [
    ...validateOpening(openRequest(wrong)),
    ...validateOpening(openRequest({ max: { $case: 'maxBalance', value: -1n } })),
    ...validateExternalId(''),
  ];
  expect(lines(found)).toMatchInlineSnapshot(`
    "
    external_id: must have 1 to 128 characters, none of them NUL or U+FFFD
    external_id: must not begin with "transit:", which belongs to the ledger
    asset: must be 1 to 16 of A-Z, 0-9, "_", "." and "-"; with its scale, "/" and 0 to 18 follow
    max_balance: must not be below min_balance
    min_balance: must allow a balance of zero, with which the account opens
    metadata: must have at most 16 pairs, names of 1 to 64 and values of up to 256 characters, none of them NUL or U+FFFD
    max_balance: must allow a balance of zero, with which the account opens
    external_id: must have 1 to 128 characters, none of them NUL or U+FFFD
    "
  `);
});

test('what is wrong with a change or an asset', () => {
  const nothing = ChangeAccountRequest.fromPartial({});
  const changes: ChangeAccountRequest['change'][] = [
    undefined,
    { $case: 'freeze', value: Freeze.UNSPECIFIED },
    { $case: 'limits', value: { minBalance: 2n, maxBalance: 1n } },
    { $case: 'metadata', value: { metadata: { '': '' } } },
  ];
  const found = [
    ...validateChange({ ...nothing, namespace: '\0', expectedVersion: -1n }),
    ...changes.flatMap((change) =>
      validateChange({
        ...nothing,
        idempotencyKey: 'k',
        accountId: HERE,
        by: 'b',
        why: 'w',
        change,
      }),
    ),
    ...validateAsset({ asset: '', scale: -1, by: '', why: '', dryRun: false }),
  ];
  expect(lines(found)).toMatchInlineSnapshot(`
    "
    idempotency_key: must have 1 to 128 characters, none of them NUL or U+FFFD
    namespace: must have at most 64 characters, none of them NUL or U+FFFD
    account_id: must be an account id: book number in the top 16 bits
    by: must have 1 to 64 characters, none of them NUL or U+FFFD
    why: must have 1 to 128 characters, none of them NUL or U+FFFD
    change: must be set
    expected_version: must not be negative
    change: must be set
    freeze: must be FREEZE_NONE, _IN, _OUT or _BOTH
    limits: must not have max below min
    metadata.metadata: must have at most 16 pairs, names of 1 to 64 and values of up to 256 characters, none of them NUL or U+FFFD
    asset: must be 1 to 16 of A-Z, 0-9, "_", "." and "-"
    scale: must be 0 to 18
    by: must have 1 to 64 characters, none of them NUL or U+FFFD
    why: must have 1 to 128 characters, none of them NUL or U+FFFD
    "
  `);
});

test('what is wrong with a call', () => {
  const dryRun = [{ dryRun: false }, { dryRun: true }];
  expect(validateDryRun([], 'transfers')).toEqual([]);
  expect(validateDryRun([{ dryRun: true }, { dryRun: true }], 'transfers')).toEqual([]);
  const found = [...validateDryRun(dryRun, 'transfers'), ...validateAll([], 'accounts', () => [])];
  expect(lines(found)).toMatchInlineSnapshot(`
    "
    transfers[1].dry_run: must be the same for all transfers of a call
    accounts: must have 1 to 8000 items, not 0
    "
  `);
});
