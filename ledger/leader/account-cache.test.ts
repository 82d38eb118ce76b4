import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Account, newAccount } from '../core/account.ts';
import { accountId } from '../core/account-id.ts';
import { INT64_MAX, INT64_MIN } from '../core/limits.ts';
import { AccountCache } from './account-cache.ts';

const NONE = { minBalance: null, maxBalance: null };

function account(number: number, fields: Partial<Account> = {}): Account {
  return { ...newAccount(accountId(7, number), 'EUR', NONE), ...fields };
}

test.each<[string, Partial<Account>]>([
  ['no limits', {}],
  ['limits of zero', { minBalance: 0n, maxBalance: 0n }],
  ['the narrowest limits but none', { minBalance: INT64_MIN + 1n, maxBalance: INT64_MAX - 1n }],
  ['a negative balance', { debits: 2n ** 62n - 1n, credits: 0n, version: 5 }],
  ['the largest totals', { debits: INT64_MAX, credits: INT64_MAX, version: 2 ** 52 }],
  ['another asset', { asset: 'BTC' }],
  ['the nature of a transit account', { transit: true }],
])('an account comes back with %s', (_, fields) => {
  const cache = new AccountCache(7);
  const stored = account(1, fields);
  cache.set(stored);
  expect(cache.get(stored.id)).toEqual(stored);
  expect(cache.get(stored.id)).not.toBe(stored);
});

test('an account with the largest number comes back', () => {
  const cache = new AccountCache(7);
  const stored = account(2 ** 48 - 1);
  cache.set(stored);
  expect(cache.get(stored.id)).toEqual(stored);
});

test('a limit that no balance can reach comes back as that limit, and none as none', () => {
  const cache = new AccountCache(7);
  const stored = account(1, { minBalance: INT64_MIN, maxBalance: INT64_MAX });
  cache.set(stored);
  expect(cache.get(stored.id)).toEqual(stored);
  cache.set(account(1));
  expect(cache.get(stored.id)).toEqual(account(1));
});

test('accounts of other books are never here, and none is put here', () => {
  const cache = new AccountCache(7);
  cache.set(account(1));
  expect(cache.get(accountId(8, 1))).toBeUndefined();
  expect([cache.has(accountId(8, 1)), cache.has(accountId(7, 1))]).toEqual([false, true]);
  expect(() => cache.set(newAccount(accountId(8, 1), 'EUR', NONE))).toThrow(/own book/u);
});

test('what it gives is a copy', () => {
  const cache = new AccountCache(7);
  cache.set(account(1));
  const copy = cache.get(accountId(7, 1));
  if (copy !== undefined) copy.credits = 99n;
  expect(cache.get(accountId(7, 1))?.credits).toBe(0n);
});

test('it grows to its capacity and keeps everything until then', () => {
  const cache = new AccountCache(7, 10_000);
  for (let number = 1; number <= 10_000; number += 1) {
    cache.set(account(number, { credits: BigInt(number), asset: `A${number % 300}` }));
  }
  expect(cache.size).toBe(10_000);
  for (let number = 1; number <= 10_000; number += 1) {
    const { credits, asset } = cache.get(accountId(7, number)) ?? {};
    expect([credits, asset]).toEqual([BigInt(number), `A${number % 300}`]);
  }
});

test('beyond its capacity those that were used stay longer than those that were not', () => {
  const cache = new AccountCache(7, 4);
  for (const number of [1, 2, 3, 4]) cache.set(account(number));
  // The hand passes once over all of them and takes the first.
  cache.set(account(5));
  expect(cache.get(accountId(7, 1))).toBeUndefined();
  cache.get(accountId(7, 2));
  cache.set(account(6));
  expect(cache.has(accountId(7, 2))).toBe(true);
  expect(cache.size).toBe(4);
});

test('it may forget, but is never wrong, whatever its size', () => {
  const step = fc.record({
    write: fc.boolean(),
    number: fc.integer({ min: 1, max: 12 }),
    debits: fc.bigInt({ min: 0n, max: INT64_MAX }),
    credits: fc.bigInt({ min: 0n, max: INT64_MAX }),
    minBalance: fc.option(fc.bigInt({ min: INT64_MIN + 1n, max: 0n })),
    asset: fc.constantFrom('EUR', 'USD', 'JPY'),
    transit: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(step, { maxLength: 80 }),
      (size, steps) => {
        const cache = new AccountCache(7, size);
        const written = new Map<number, Account>();
        for (const { write, number, ...fields } of steps) {
          const expected = account(number, fields);
          if (write) {
            cache.set(expected);
            written.set(number, expected);
          }
          const found = cache.get(accountId(7, number));
          // What was just written is here; anything else may have been forgotten.
          const mayBe = [written.get(number), ...(write ? [] : [undefined])];
          expect(mayBe).toContainEqual(found);
          expect(cache.has(accountId(7, number))).toBe(found !== undefined);
          expect(cache.size).toBeLessThanOrEqual(size);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('accounts of more assets than 16 bits can number come back, and soon', () => {
  const cache = new AccountCache(7);
  const began = performance.now();
  const count = 70_000;
  for (let number = 1; number <= count; number += 1) {
    cache.set(account(number, { asset: `A${number}` }));
  }
  expect(performance.now() - began).toBeLessThan(2_000);
  for (const number of [1, 65_535, 65_536, 65_537, count]) {
    expect(cache.get(accountId(7, number))?.asset).toBe(`A${number}`);
  }
});
