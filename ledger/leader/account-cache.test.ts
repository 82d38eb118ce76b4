import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Account, newAccount } from '../core/account.ts';
import { accountId, accountNumberOf } from '../core/account-id.ts';
import { INT64_MAX, INT64_MIN, TOTAL_MAX } from '../core/limits.ts';
import { availableOf, expectedOf } from '../core/post/refusal.ts';
import { AccountCache } from './account-cache.ts';
import { AccountColumns } from './account-columns.ts';

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

/** What the cache must be like: maps, one for what is committed and one copy for each open batch. */
class Layers {
  readonly #states: Map<number, Account>[] = [new Map()];

  get newest(): Map<number, Account> {
    return this.#states.at(-1) ?? new Map();
  }

  get open(): number {
    return this.#states.length - 1;
  }

  begin(): void {
    this.#states.push(new Map(this.newest));
  }

  committed(): void {
    this.#states.shift();
  }

  undo(): void {
    this.#states.pop();
  }
}

type Step =
  | { readonly do: 'begin' | 'committed' | 'undo' }
  | { readonly do: 'set'; readonly account: Account }
  | { readonly do: 'move'; readonly debit: number; readonly credit: number; readonly by: bigint };

const totals = fc.oneof(
  { weight: 3, arbitrary: fc.bigInt({ min: 0n, max: 100n }) },
  fc.bigInt({ min: 0n, max: INT64_MAX }),
);
const limit = fc.option(
  fc.oneof(fc.bigInt({ min: -100n, max: 100n }), fc.bigInt({ min: INT64_MIN, max: INT64_MAX })),
  { freq: 1 },
);
const numbers = fc.integer({ min: 1, max: 6 });
const sets: fc.Arbitrary<Step> = fc
  .record({
    number: numbers,
    debits: totals,
    credits: totals,
    heldDebits: fc.oneof({ weight: 2, arbitrary: fc.constant(0n) }, totals),
    heldCredits: fc.oneof({ weight: 2, arbitrary: fc.constant(0n) }, totals),
    minBalance: limit,
    maxBalance: limit,
    asset: fc.constantFrom('EUR', 'EUR', 'EUR', 'USD'),
    transit: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
    flags: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.constantFrom(1, 2, 4, 7)),
    version: fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 52),
  })
  .map(({ number, ...fields }): Step => ({ do: 'set', account: account(number, fields) }));
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom<Step>({ do: 'begin' }, { do: 'committed' }, { do: 'undo' }),
  sets,
  fc
    .record({
      debit: numbers,
      credit: numbers,
      by: fc.oneof(
        { weight: 3, arbitrary: fc.bigInt({ min: 1n, max: 50n }) },
        fc.bigInt({ min: 1n, max: INT64_MAX }),
      ),
    })
    .map((fields): Step => ({ do: 'move', ...fields })),
);

function isUsual({ transit, flags }: Account): boolean {
  return !transit && flags === 0;
}

const isHeld = ({ heldDebits, heldCredits }: Account) => heldDebits !== 0n || heldCredits !== 0n;

/** Whether nothing at all stands against a movement, by the rules of the ledger. */
function isFree(debit: Account, credit: Account, by: bigint): boolean {
  return (
    isUsual(debit) &&
    isUsual(credit) &&
    debit.asset === credit.asset &&
    debit.debits + debit.heldDebits + by <= TOTAL_MAX &&
    credit.credits + credit.heldCredits + by <= TOTAL_MAX &&
    (debit.minBalance === null || availableOf(debit) - by >= debit.minBalance) &&
    (credit.maxBalance === null || expectedOf(credit) + by <= credit.maxBalance)
  );
}

/** Moves in both. Returns true if that was between accounts with held amounts. */
function moveInBoth(cache: AccountCache, newest: Map<number, Account>, step: Step): boolean {
  if (step.do !== 'move' || step.debit === step.credit) return false;
  const debit = newest.get(step.debit);
  const credit = newest.get(step.credit);
  const slots = [cache.slotOf(step.debit), cache.slotOf(step.credit)] as const;
  expect(slots.map((slot) => slot >= 0)).toEqual([debit !== undefined, credit !== undefined]);
  if (debit === undefined || credit === undefined) return false;
  for (const [at, each] of [debit, credit].entries()) {
    const { heldDebits, heldCredits } = each;
    const held = isHeld(each) ? { heldDebits, heldCredits } : undefined;
    expect(cache.heldOf(slots[at] ?? -1)).toEqual(held);
  }
  const words = [Number(step.by >> 32n), Number(step.by & 0xffff_ffffn)] as const;
  const moved = cache.move(...slots, ...words);
  expect(moved).toBe(isFree(debit, credit, step.by));
  if (!moved) return false;
  const { debits, version } = debit;
  newest.set(step.debit, { ...debit, debits: debits + step.by, version: version + 1 });
  const { credits } = credit;
  newest.set(step.credit, {
    ...credit,
    credits: credits + step.by,
    version: credit.version + 1,
  });
  return isHeld(debit) || isHeld(credit);
}

test('batches are undone and committed exactly, and amounts are exact to 64 bits', () => {
  const capacity = fc.constantFrom(1, 2, 100, 100, 100);
  const first = fc.array(sets, { maxLength: 12 });
  let held = 0;
  fc.assert(
    fc.property(capacity, first, fc.array(steps, { maxLength: 60 }), (size, opened, story) => {
      const cache = new AccountCache(7, size);
      const layers = new Layers();
      cache.begin();
      layers.begin();
      for (const step of [...opened, ...story]) {
        if (step.do === 'begin' && layers.open < 2) {
          cache.begin();
          layers.begin();
        } else if (step.do === 'committed' && layers.open === 2) {
          cache.committed();
          layers.committed();
        } else if (step.do === 'undo' && layers.open === 2) {
          cache.undo();
          layers.undo();
        } else if (step.do === 'set') {
          cache.set(step.account);
          layers.newest.set(accountNumberOf(step.account.id), step.account);
        } else if (size > 6 && moveInBoth(cache, layers.newest, step)) held += 1;
        for (const number of [1, 2, 3, 4, 5, 6]) {
          const found = cache.get(accountId(7, number));
          const expected = layers.newest.get(number);
          // What is committed may be forgotten where there is no room for it, and nothing else may.
          const mayBe = size > 6 ? [expected] : [expected, undefined];
          expect(mayBe).toContainEqual(found);
        }
        expect(cache.open).toBe(layers.open);
      }
    }),
    { numRuns: 1_500 },
  );
  expect(held).toBeGreaterThan(30);
});

test('what an open batch has changed is not forgotten, however little room there is', () => {
  const cache = new AccountCache(7, 2);
  cache.begin();
  for (let number = 1; number <= 50; number += 1) cache.set(account(number, { version: number }));
  cache.begin();
  for (let number = 51; number <= 99; number += 1) cache.set(account(number));
  for (let number = 1; number <= 99; number += 1)
    expect(cache.has(accountId(7, number))).toBe(true);
  cache.undo();
  expect(cache.size).toBe(50);
  cache.committed();
  for (let number = 100; number <= 500; number += 1) cache.load(account(number));
  expect(cache.size).toBeLessThanOrEqual(128);
  cache.begin();
  expect(() => {
    cache.begin();
    cache.begin();
  }).toThrow(/two batches/u);
});

test('an account takes 53 bytes, besides a mark and its place in the index', () => {
  const columns = new AccountColumns(1_000);
  const { amounts, versions, asset, flags } = columns;
  const bytes = [amounts, columns.numbers, versions, asset, flags].map((each) => each.byteLength);
  expect(bytes.reduce((sum, each) => sum + each)).toBe(53_000);
});

test('accounts that changed in a pinned partition are not forgotten, those before it are', () => {
  const cache = new AccountCache(7, 4);
  const change = (number: number, place: number) => {
    cache.begin();
    cache.set(account(number, { version: number }));
    cache.committed(place);
  };
  for (const number of [1, 2]) change(number, 1);
  for (const number of [3, 4]) change(number, 2);
  cache.pinFrom(2);
  for (let number = 5; number <= 100; number += 1) cache.load(account(number));
  const here = (number: number) => cache.has(accountId(7, number));
  expect([here(1), here(2), here(3), here(4)]).toEqual([false, false, true, true]);
  // All that it has is pinned: it grows.
  for (let number = 101; number <= 110; number += 1) change(number, 3);
  for (let number = 101; number <= 110; number += 1) expect(here(number)).toBe(true);
  // The place of an account that was forgotten is not taken over by the next one.
  cache.pinFrom(4);
  for (let number = 201; number <= 300; number += 1) cache.load(account(number));
  cache.pinFrom(2);
  for (let number = 301; number <= 400; number += 1) cache.load(account(number));
  expect([here(3), here(101), here(201)]).toEqual([false, false, false]);
});

test('an account is pinned by its newest change that was committed, not by one that was undone', () => {
  const cache = new AccountCache(7, 2);
  cache.begin();
  cache.set(account(1));
  cache.committed(1);
  cache.pinFrom(2);
  cache.begin();
  cache.set(account(1, { version: 5 }));
  cache.undo();
  for (let number = 2; number <= 9; number += 1) cache.load(account(number));
  expect(cache.has(accountId(7, 1))).toBe(false);
});
