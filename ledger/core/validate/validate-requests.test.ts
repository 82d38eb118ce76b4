import { expect, test } from 'vitest';
import type { OpenAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import { accountId } from '../account-id.ts';
import { validateAll } from './validate.ts';
import { validateOpening } from './validate-account.ts';
import { validateTransfer } from './validate-transfer.ts';

const fieldsOf = (found: readonly { readonly field: string }[]) => found.map(({ field }) => field);
const pairs = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`name ${index}`, 'x']));
const many = (length: number) => Array.from({ length }, () => transferRequest());
const MAX = 2n ** 63n - 1n;

test.each<[string, Partial<CreateTransferRequest>]>([
  ['the least there is', {}],
  ['a key of 128 characters', { idempotencyKey: 'k'.repeat(128) }],
  ['a namespace of 64 characters', { namespace: 'n'.repeat(64) }],
  ['a reference of 128 characters', { reference: 'r'.repeat(128) }],
  ['the largest amount', { amount: MAX }],
  ['every character of an asset', { asset: 'ABCXYZ0189_.-' }],
  ['an asset of 16 characters', { asset: 'A'.repeat(16) }],
  ['the largest code', { code: 2 ** 31 - 1 }],
  ['16 pairs of metadata', { metadata: pairs(16) }],
  ['long metadata', { metadata: { ['n'.repeat(64)]: 'v'.repeat(256) } }],
  ['an empty value in metadata', { metadata: { name: '' } }],
  ['a whole surrogate pair', { idempotencyKey: '\u{1f4b6}' }],
  ['a payee in a book far away', { creditAccountId: accountId(32_767, 2 ** 48 - 1) }],
])('a transfer may have %s', (_, fields) => {
  expect(validateTransfer(transferRequest(fields))).toEqual([]);
});

test.each<[string, Partial<CreateTransferRequest>, string]>([
  ['no key', { idempotencyKey: '' }, 'idempotency_key'],
  ['a key of 129 characters', { idempotencyKey: 'k'.repeat(129) }, 'idempotency_key'],
  ['a key with NUL', { idempotencyKey: 'a\0b' }, 'idempotency_key'],
  ['a key with half a surrogate pair', { idempotencyKey: 'a\ud83d' }, 'idempotency_key'],
  ['a namespace of 65 characters', { namespace: 'n'.repeat(65) }, 'namespace'],
  ['a namespace with NUL', { namespace: '\0' }, 'namespace'],
  ['no debit account', { debitAccountId: 0n }, 'debit_account_id'],
  ['a negative debit account', { debitAccountId: -1n }, 'debit_account_id'],
  ['a debit account without a book', { debitAccountId: 7n }, 'debit_account_id'],
  ['no credit account', { creditAccountId: 0n }, 'credit_account_id'],
  ['a book as credit account', { creditAccountId: 2n ** 48n }, 'credit_account_id'],
  ['the same account twice', { creditAccountId: accountId(1, 1) }, 'credit_account_id'],
  ['an amount of zero', { amount: 0n }, 'amount'],
  ['a negative amount', { amount: -1n }, 'amount'],
  ['the smallest amount', { amount: -MAX - 1n }, 'amount'],
  ['an asset in lower case', { asset: 'eur' }, 'asset'],
  ['an asset of 17 characters', { asset: 'A'.repeat(17) }, 'asset'],
  ['an asset with a line feed', { asset: 'EUR\n' }, 'asset'],
  ['a negative code', { code: -1 }, 'code'],
  ['a reference of 129 characters', { reference: 'r'.repeat(129) }, 'reference'],
  ['a reference with NUL', { reference: '\0' }, 'reference'],
  ['17 pairs of metadata', { metadata: pairs(17) }, 'metadata'],
  ['metadata without a name', { metadata: { '': 'x' } }, 'metadata'],
  ['a metadata name of 65 characters', { metadata: { ['n'.repeat(65)]: '' } }, 'metadata'],
  ['a metadata value of 257 characters', { metadata: { a: 'v'.repeat(257) } }, 'metadata'],
  ['a metadata name with NUL', { metadata: { 'a\0': '' } }, 'metadata'],
  ['a metadata value with NUL', { metadata: { a: '\0' } }, 'metadata'],
])('a transfer may not have %s', (_, fields, field) => {
  const found = validateTransfer(transferRequest(fields));
  expect(fieldsOf(found)).toEqual([field]);
  expect(found[0]?.description).toMatch(/^must /u);
});

test('every violation of a transfer is named, in the order of the fields', () => {
  const request: CreateTransferRequest = {
    idempotencyKey: '',
    namespace: '\0',
    debitAccountId: 0n,
    creditAccountId: 0n,
    amount: 0n,
    asset: '?',
    code: -1,
    reference: '\0',
    metadata: { '': '' },
    wait: 0,
    action: undefined,
    upTo: 0,
    conditions: undefined,
    allowZero: false,
    dryRun: false,
  };
  expect(fieldsOf(validateTransfer(request))).toEqual([
    'idempotency_key',
    'namespace',
    'debit_account_id',
    'credit_account_id',
    'credit_account_id',
    'amount',
    'asset',
    'code',
    'reference',
    'metadata',
  ]);
});

test.each<[string, Partial<OpenAccountRequest>]>([
  ['limits that meet at zero', { min: min(0n), max: max(0n) }],
  ['the widest limits', { min: min(-MAX - 1n), max: max(MAX) }],
  ['only an upper limit', { min: undefined, max: max(1n) }],
  ['an external id of 128 characters', { externalId: 'x'.repeat(128) }],
])('an account may have %s', (_, fields) => {
  expect(validateOpening(openRequest(fields))).toEqual([]);
});

test.each<[string, Partial<OpenAccountRequest>, string[]]>([
  ['no external id', { externalId: '' }, ['external_id']],
  ['an external id of 129 characters', { externalId: 'x'.repeat(129) }, ['external_id']],
  ['an external id with NUL', { externalId: 'a\0' }, ['external_id']],
  ['a name of the ledger', { externalId: 'transit:a>b:EUR' }, ['external_id']],
  ['no asset', { asset: '' }, ['asset']],
  ['an asset in lower case', { asset: 'eur' }, ['asset']],
  ['a lower limit above zero', { min: min(1n) }, ['min_balance']],
  ['an upper limit below zero', { max: max(-1n) }, ['max_balance']],
  [
    'an upper limit below the default lower one',
    { min: undefined, max: max(-1n) },
    ['max_balance'],
  ],
  ['crossed limits', { min: min(-1n), max: max(-2n) }, ['max_balance', 'max_balance']],
  ['too much metadata', { metadata: pairs(17) }, ['metadata']],
])('an account may not have %s', (_, fields, expected) => {
  expect(fieldsOf(validateOpening(openRequest(fields)))).toEqual(expected);
});

test('a call has 1 to 8,000 items', () => {
  expect(validateAll(many(8000), 'transfers', validateTransfer)).toEqual([]);
  for (const length of [0, 8001]) {
    const description = `must have 1 to 8000 items, not ${length}`;
    const expected = [{ field: 'transfers', description }];
    expect(validateAll(many(length), 'transfers', validateTransfer)).toEqual(expected);
  }
});

test('the items of a call are named by their place, about a hundred at most', () => {
  const good = transferRequest();
  const bad = transferRequest({ amount: 0n, code: -1 });
  expect(fieldsOf(validateAll([good, bad, good], 'transfers', validateTransfer))).toEqual([
    'transfers[1].amount',
    'transfers[1].code',
  ]);
  const all = Array.from({ length: 8000 }, () => bad);
  expect(validateAll(all, 'transfers', validateTransfer)).toHaveLength(100);
});

function min(value: bigint) {
  return { $case: 'minBalance', value } as const;
}

function max(value: bigint) {
  return { $case: 'maxBalance', value } as const;
}
