import { expect, test } from 'vitest';
import type { SettleLeg, SettleRequest } from '../../proto/gen/meridian/internal/v1/book.ts';
import { accountId } from '../core/account-id.ts';
import { transferIdOf } from '../core/transfer-id.ts';
import { validateLegs } from './validate-legs.ts';

const books = [{ number: 2, name: 'us-east-1', region: 'us-east' }];

const leg = (fields: Partial<SettleLeg> = {}): SettleLeg => ({
  transferId: transferIdOf('', 'a'),
  debitAccountId: accountId(2, 1),
  creditAccountId: accountId(1, 1),
  amount: 1n,
  asset: 'EUR',
  code: 0,
  reference: '',
  metadata: {},
  reversalOf: '',
  ...fields,
});

const capture = (holdId = transferIdOf('', 'hold')) => ({ number: 1n, holdId, final: true });

const request = (fields: Partial<SettleRequest> = {}): SettleRequest => ({
  originBook: 2,
  originName: 'us-east-1',
  closedThrough: 0n,
  firstNumber: 1n,
  legs: [leg()],
  hashBefore: Buffer.alloc(32),
  captures: [],
  ...fields,
});

test('what a sound book sends is sound', () => {
  expect(validateLegs(books, request())).toEqual([]);
  expect(validateLegs(books, request({ captures: [capture()] }))).toEqual([]);
});

test.each<[string, Partial<SettleRequest>]>([
  ['origin_name', { originName: 'eu-west-1' }],
  ['origin_name', { originBook: 3 }],
  ['first_number', { firstNumber: 0n }],
  ['first_number', { firstNumber: 2n ** 53n }],
  ['closed_through', { closedThrough: -1n }],
  ['hash_before', { hashBefore: Buffer.alloc(31) }],
  ['captures', { captures: [capture('no id')] }],
  ['captures', { captures: [capture(), capture()] }],
  ['legs', { legs: [leg(), leg()] }],
  ['legs', { legs: [leg({ transferId: 'no id' })] }],
  ['legs', { legs: [leg({ amount: 0n })] }],
  ['legs', { legs: [leg({ creditAccountId: 1n })] }],
  ['legs', { legs: [leg({ asset: '' })] }],
])('%s is refused by name: %o', (field, fields) => {
  expect(validateLegs(books, request(fields)).map((found) => found.field)).toEqual([field]);
});

test('more legs than a call may have are refused', () => {
  const legs = Array.from({ length: 8001 }, (_, index) =>
    leg({ transferId: transferIdOf('', String(index)) }),
  );
  expect(validateLegs(books, request({ legs }))).toHaveLength(1);
});
