import * as fc from 'fast-check';
import { Account, ListAccountsResponse } from '../../proto/gen/meridian/v1/account.ts';
import {
  Entry,
  ListEntriesResponse,
  ListTransfersResponse,
} from '../../proto/gen/meridian/v1/query.ts';
import { Transfer } from '../../proto/gen/meridian/v1/transfer.ts';
import * as limits from '../core/limits.ts';
import { expect, test } from 'vitest';
import { RpcError } from './error.ts';
import { nextPageToken, pageNumbers, pageSize, pageToken } from './page.ts';

const token = (text: string) => Buffer.from(text, 'latin1').toString('base64url');

test('a page has 1 to 1,000 items, and 100 if nothing is asked', () => {
  expect([0, 1, 1000].map(pageSize)).toEqual([100, 1, 1000]);
  for (const asked of [-1, 1001, -(2 ** 31), 2 ** 31 - 1]) {
    expect(() => pageSize(asked)).toThrow(RpcError);
    expect(() => pageSize(asked)).toThrow(/^page_size must be 1 to 1000/u);
  }
});

test('the token of a page leads to the one after it', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (last) => {
      expect(pageNumbers(nextPageToken([last, 7n], 10, 10), 2)).toEqual([last, 7n]);
    }),
  );
});

test('a token of several numbers is for those who want as many', () => {
  const numbers = [0n, 12n, 2n ** 63n - 1n];
  const several = pageToken(numbers);
  expect(pageNumbers(several, 3)).toEqual(numbers);
  expect(pageNumbers('', 3)).toBeUndefined();
  expect(() => pageNumbers(several, 2)).toThrow(/^page_token /u);
});

test('a page that is not full is the last one', () => {
  expect(nextPageToken([5n], 9, 10)).toBe('');
  expect(nextPageToken([0n], 0, 10)).toBe('');
});

test.each([
  ['something else', 'garbage'],
  ['an empty text', token(' ')],
  ['a text without a number', token('after ')],
  ['a negative number', token('after -1')],
  ['two numbers', token('after 1 after 2')],
  ['more digits than any number has', token('after 12345678901234567890')],
  ['a number beyond 64 bits', token('after 9223372036854775808')],
  ['the largest number of 19 digits', token('after 9999999999999999999')],
  ['a line feed at the end', token('after 1\n')],
])('%s is no token', (_, text) => {
  expect(() => pageNumbers(text, 1)).toThrow(/^page_token /u);
});

const text = (length: number) => '\u20ac'.repeat(length);

test('a page of the default size fits a client of the default size, whatever is in it', () => {
  const metadata = Object.fromEntries(
    Array.from({ length: limits.METADATA_PAIRS_MAX }, (_, index) => [
      `${index % 10}${index > 9 ? 'x' : 'y'}${text(limits.METADATA_NAME_LENGTH_MAX - 2)}`,
      text(limits.METADATA_VALUE_LENGTH_MAX),
    ]),
  );
  const id = 'c0ffee00-0000-7000-8000-000000000000';
  const most = {
    metadata,
    idempotencyKey: text(limits.KEY_LENGTH_MAX),
    namespace: text(limits.NAMESPACE_LENGTH_MAX),
    reference: text(limits.REFERENCE_LENGTH_MAX),
    externalId: text(limits.EXTERNAL_ID_LENGTH_MAX),
    by: text(limits.BY_LENGTH_MAX),
    transferId: id,
    originId: id,
    groupId: id,
  };
  const pages = [
    ListTransfersResponse.encode({
      transfers: Array.from({ length: limits.PAGE_SIZE_DEFAULT }, () => Transfer.fromPartial(most)),
      nextPageToken: '',
      position: undefined,
    }),
    ListEntriesResponse.encode({
      entries: Array.from({ length: limits.PAGE_SIZE_DEFAULT }, () => Entry.fromPartial(most)),
      nextPageToken: '',
      position: undefined,
    }),
    ListAccountsResponse.encode({
      accounts: Array.from({ length: limits.PAGE_SIZE_DEFAULT }, () => Account.fromPartial(most)),
      nextPageToken: '',
      position: undefined,
    }),
  ];
  for (const page of pages) {
    const bytes = page.finish().length;
    expect(bytes).toBeGreaterThan(1024 * 1024);
    expect(bytes + 100 * 1024).toBeLessThan(4 * 1024 * 1024);
  }
});
