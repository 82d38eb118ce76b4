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
