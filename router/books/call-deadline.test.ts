import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { remainingMs } from './call-deadline.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: 1_763_711_782_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

test.each([
  ['ten seconds without a deadline', Infinity, 10_000],
  ['half a second less than the caller waits', 10_000, 9_500],
  ['at most a fifth less', 100, 80],
  ['no more than two minutes', 40 * 86_400_000, 119_500],
  ['nothing when the time is up', 0, 0],
])('a call has %s', (_, inMs, expected) => {
  expect(remainingMs(Date.now() + inMs)).toBe(expected);
});

test('a deadline may be a date', () => {
  expect(remainingMs(new Date(Date.now() + 5_000))).toBe(4_500);
});

test('a deadline in the past leaves no time', () => {
  for (const lateMs of [1, 100, 10_000]) {
    expect(remainingMs(Date.now() - lateMs)).toBeLessThanOrEqual(0);
  }
});
