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
import { ReadLevel } from '../../proto/gen/meridian/v1/position.ts';
import { ListTransfersRequest } from '../../proto/gen/meridian/v1/query.ts';
import { RpcError } from './error.ts';
import { pageOf, pageSize, PageTokens, transferPages } from './page.ts';

const token = (text: string) => Buffer.from(text, 'latin1').toString('base64url');

test('a page has 1 to 1,000 items, and 100 if nothing is asked', () => {
  expect([0, 1, 1000].map(pageSize)).toEqual([100, 1, 1000]);
  for (const asked of [-1, 1001, -(2 ** 31), 2 ** 31 - 1]) {
    expect(() => pageSize(asked)).toThrow(RpcError);
    expect(() => pageSize(asked)).toThrow(/^page_size must be 1 to 1000/u);
  }
});

const TOKENS = new PageTokens('entries', 'of alice');

test('the token of a page leads to the one after it', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (last) => {
      expect(TOKENS.numbers(TOKENS.token([last, 7n]), 2)).toEqual([last, 7n]);
    }),
  );
});

test('a token of several numbers is only accepted for that count', () => {
  const numbers = [0n, 12n, 2n ** 63n - 1n];
  const several = TOKENS.token(numbers);
  expect(TOKENS.numbers(several, 3)).toEqual(numbers);
  expect(TOKENS.numbers('', 3)).toBeUndefined();
  expect(() => TOKENS.numbers(several, 2)).toThrow(/^page_token /u);
});

test('a token is refused by every query but its own', () => {
  const queries = [['a', 'b'], ['ab'], ['a'], ['a', 'b', ''], ['b', 'a'], []].map(
    (parts) => new PageTokens(...parts),
  );
  const pairs = queries.flatMap((mine) => queries.map((other) => ({ mine, other })));
  for (const { mine, other } of pairs.filter((pair) => pair.mine !== pair.other)) {
    const read = () => other.numbers(mine.token([1n]), 1);
    expect(read).toThrow('page_token is the token of another query');
  }
  for (const mine of queries) expect(mine.numbers(mine.token([1n]), 1)).toEqual([1n]);
});

test('every field that selects items belongs to the query; page and read options do not', () => {
  const scope = { $case: 'book', value: 'eu-west-1' } as const;
  const first = ListTransfersRequest.fromPartial({ scope, pageSize: 5 });
  const following = transferPages(first).token([3n, 9n]);
  const options = { level: ReadLevel.STALE };
  for (const same of [{ pageSize: 7 }, { pageToken: following }, { options }]) {
    const next = ListTransfersRequest.fromPartial({ ...first, ...same });
    expect(transferPages(next).numbers(following, 2)).toEqual([3n, 9n]);
  }
  const filter = { test: { $case: 'code', value: 1 } } as const;
  const account = { $case: 'accountId', value: 1n } as const;
  const others = [{ filter }, { newestFirst: true }, { scope: account }];
  for (const other of others) {
    const next = ListTransfersRequest.fromPartial({ ...first, ...other });
    expect(() => transferPages(next).numbers(following, 2)).toThrow(/another query$/u);
  }
});

test('a page is the last one unless one more item was read', () => {
  expect(pageOf([1, 2], 2)).toEqual({ items: [1, 2], isLast: true });
  expect(pageOf([1, 2, 3], 2)).toEqual({ items: [1, 2], isLast: false });
  expect(pageOf([], 2)).toEqual({ items: [], isLast: true });
});

test.each([
  ['something else', 'garbage'],
  ['an empty text', token(' ')],
  ['a text without a number', token('0123456789abcdef ')],
  ['a negative number', token('0123456789abcdef -1')],
  ['two numbers', token('0123456789abcdef 1 after 2')],
  ['more digits than any number has', token('0123456789abcdef 12345678901234567890')],
  ['a number beyond 64 bits', token('0123456789abcdef 9223372036854775808')],
  ['the largest number of 19 digits', token('0123456789abcdef 9999999999999999999')],
  ['a line feed at the end', token('0123456789abcdef 1\n')],
])('%s is no token', (_, text) => {
  expect(() => TOKENS.numbers(text, 1)).toThrow(/^page_token /u);
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
