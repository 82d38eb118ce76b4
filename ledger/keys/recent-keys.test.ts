import { expect, test } from 'vitest';
import type { KnownKey } from './known-key.ts';
import { RecentKeys } from './recent-keys.ts';

const known = (seq: number): KnownKey => ({
  fingerprint: 'x',
  reason: 0,
  epoch: 1,
  seq,
  atMicros: 1,
  partial: false,
});

/** As documented: two generations of this number of keys. */
const GENERATION = 32_768;

test('the newest value of a key is the one that is known', () => {
  const keys = new RecentKeys();
  expect(keys.get('a')).toBeUndefined();
  keys.set('a', known(1));
  keys.set('a', known(2));
  expect(keys.get('a')?.seq).toBe(2);
  for (let n = 0; n < GENERATION; n += 1) keys.set(`other ${n}`, known(n));
  expect(keys.get('a')?.seq).toBe(2);
  keys.set('a', known(3));
  expect(keys.get('a')?.seq).toBe(3);
});

test('the last generation is always there, and old ones are let go', () => {
  const keys = new RecentKeys();
  const count = GENERATION * 3 + 17;
  for (let n = 0; n < count; n += 1) keys.set(`key ${n}`, known(n));
  for (let n = count - GENERATION; n < count; n += 1) expect(keys.get(`key ${n}`)?.seq).toBe(n);
  let held = 0;
  for (let n = 0; n < count; n += 1) if (keys.get(`key ${n}`) !== undefined) held += 1;
  expect(held).toBeLessThanOrEqual(GENERATION * 2);
  expect(keys.get('key 0')).toBeUndefined();
});

/** A version 7 UUID of a time in milliseconds since 1970. */
const madeAt = (ms: number) => {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000001`;
};

test('Redis need not be asked for a key that was made while all outcomes are remembered', () => {
  const start = 1_800_000_000_000;
  let now = start;
  const keys = new RecentKeys(2, () => now);
  const wouldHave = (ms: number) => keys.wouldHave(madeAt(ms), now);
  expect(wouldHave(start)).toBe(false);
  expect(wouldHave(start + 10_000)).toBe(true);
  // A payer whose clock is ahead may have sent it before this leader began.
  expect(wouldHave(start + 9_999)).toBe(false);
  expect(wouldHave(start + 10_001)).toBe(false);
  now = start + 60_000;
  expect(wouldHave(now)).toBe(true);
  expect(keys.wouldHave(madeAt(now).replace('-7000-', '-4000-'), now)).toBe(false);
  keys.set('a', known(1));
  keys.set('b', known(2));
  expect(wouldHave(start + 10_000)).toBe(true);
  // The generations of the first minute are let go one after the other.
  keys.set('c', known(3));
  expect(wouldHave(start + 10_000)).toBe(true);
  now = start + 120_000;
  keys.set('d', known(4));
  keys.set('e', known(5));
  expect(keys.get('a')).toBeUndefined();
  expect(wouldHave(start + 69_999)).toBe(false);
  expect(wouldHave(start + 70_000)).toBe(true);
});
