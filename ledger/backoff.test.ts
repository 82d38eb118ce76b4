import { afterEach, expect, test, vi } from 'vitest';
import { backoffMs } from './backoff.ts';

const backoff = { firstMs: 50, longestMs: 1_000 };

afterEach(() => {
  vi.restoreAllMocks();
});

const pauses = () => [1, 2, 5, 6, 2_000].map((failures) => backoffMs(failures, backoff));

test('each pause is twice the one before, up to the longest', () => {
  vi.spyOn(Math, 'random').mockReturnValue(1);
  expect(pauses()).toEqual([50, 100, 800, 1_000, 1_000]);
});

test('at most half of a pause is left out', () => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
  expect(pauses()).toEqual([25, 50, 400, 500, 500]);
});
