import { expect, test } from 'vitest';
import { lockShortage, partitionsWithin } from './lock-room.ts';

test('the locks of all sessions together must be enough for those that plan at once', () => {
  // Postgres as it comes, with 100 connections.
  expect(lockShortage(80, 6_400)).toBeUndefined();
  expect(lockShortage(81, 6_400)).toBe(
    '81 partitions, where there are locks for 80: raise max_locks_per_transaction',
  );
  // As the replicated and the embedded profile set it up.
  expect(partitionsWithin(1_024 * 60)).toBe(768);
  expect(partitionsWithin(1_024 * 100)).toBe(1_280);
  expect(lockShortage(1_000_000, Infinity)).toBeUndefined();
});
