import { expect, test } from 'vitest';
import { INT64_MAX, INT64_MIN, TOTAL_MAX } from './limits.ts';

test('64 bits hold what they hold', () => {
  expect(BigInt.asIntN(64, INT64_MAX)).toBe(INT64_MAX);
  expect(BigInt.asIntN(64, INT64_MAX + 1n)).toBe(INT64_MIN);
});

test('all that was debited can come back to an account, and no more than that', () => {
  expect(TOTAL_MAX + TOTAL_MAX).toBeLessThanOrEqual(INT64_MAX);
  expect(TOTAL_MAX + 1n + TOTAL_MAX + 1n).toBeGreaterThan(INT64_MAX);
});
