import { expect, test } from 'vitest';
import { isTransferId, transferIdOf } from '../../ledger/core/transfer-id.ts';
import { TimeOrderedKeys } from './time-ordered-keys.ts';

test('keys are version 7 UUIDs that are transfer ids as they stand', () => {
  const keys = new TimeOrderedKeys();
  for (let count = 0; count < 1_000; count += 1) {
    const key = keys.next();
    expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u);
    expect(isTransferId(key)).toBe(true);
    expect(transferIdOf('', key)).toBe(key);
  }
});

test('keys ascend and differ, within a millisecond and beyond, even if the clock goes back', () => {
  const times = [1_000, 1_000, 1_001, 999, 5_000];
  const keys = new TimeOrderedKeys(() => times[0] ?? 0);
  const made: string[] = [];
  for (let time = 0; time < 5; time += 1) {
    for (let count = 0; count < 20_000; count += 1) made.push(keys.next());
    times.shift();
  }
  expect(new Set(made).size).toBe(made.length);
  expect(made.toSorted()).toEqual(made);
});

test('the time is that of the clock', () => {
  const at = Date.UTC(2026, 10, 21, 8);
  const key = new TimeOrderedKeys(() => at).next();
  expect(parseInt(key.slice(0, 8) + key.slice(9, 13), 16)).toBe(at);
});

test('two instances never make the same key', () => {
  const [first, second] = [new TimeOrderedKeys(Date.now), new TimeOrderedKeys(Date.now)];
  expect(first.next().slice(24)).not.toBe(second.next().slice(24));
});
