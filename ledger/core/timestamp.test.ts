import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  compareTimestamps,
  isTimestamp,
  microsBefore,
  microsUpTo,
  timestampFrom,
} from './timestamp.ts';

const timestamps = fc.record({
  seconds: fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }),
  nanos: fc.oneof(fc.integer({ min: 0, max: 999_999_999 }), fc.constantFrom(0, 1000, 999_000)),
});

test('a timestamp lies between the microseconds before and up to it', () => {
  fc.assert(
    fc.property(timestamps, (timestamp) => {
      const nanos = timestamp.seconds * 1_000_000_000n + BigInt(timestamp.nanos);
      const upTo = microsUpTo(timestamp) * 1000n;
      const before = microsBefore(timestamp) * 1000n;
      expect([upTo <= nanos, nanos < upTo + 1000n]).toEqual([true, true]);
      expect([before < nanos, nanos <= before + 1000n]).toEqual([true, true]);
    }),
  );
});

test('timestamps are compared by time', () => {
  fc.assert(
    fc.property(timestamps, timestamps, (a, b) => {
      const nanos = ({ seconds, nanos: own }: typeof a) => seconds * 1_000_000_000n + BigInt(own);
      expect(Math.sign(compareTimestamps(a, b))).toBe(Math.sign(Number(nanos(a) - nanos(b))));
    }),
  );
});

test('a time of the journal is a timestamp, and comes back', () => {
  for (const micros of [0, 1, 999_999, 1_763_711_782_000_001]) {
    const timestamp = timestampFrom(micros);
    expect(isTimestamp(timestamp)).toBe(true);
    expect(microsUpTo(timestamp)).toBe(BigInt(micros));
  }
});

test.each([
  [0, { seconds: 0n, nanos: 0 }],
  [1, { seconds: 0n, nanos: 1000 }],
  [1_763_711_782_999_999, { seconds: 1_763_711_782n, nanos: 999_999_000 }],
  [-1, { seconds: -1n, nanos: 999_999_000 }],
])('%d microseconds since 1970 are a timestamp', (micros, timestamp) => {
  expect(timestampFrom(micros)).toEqual(timestamp);
});

test('timestamps are in the order of time, also within a second', () => {
  const sorted = [
    { seconds: -1n, nanos: 999 },
    { seconds: 0n, nanos: 0 },
    { seconds: 0n, nanos: 1 },
    { seconds: 0n, nanos: 2 },
    { seconds: 1n, nanos: 0 },
  ];
  for (const [i, a] of sorted.entries()) {
    for (const [j, b] of sorted.entries()) {
      expect(Math.sign(compareTimestamps(a, b))).toBe(Math.sign(i - j));
    }
  }
});

test('the first and the last moment of the years 1 to 9999 are timestamps', () => {
  const first = BigInt(Date.parse('0001-01-01T00:00:00Z')) / 1000n;
  const last = BigInt(Date.parse('9999-12-31T23:59:59Z')) / 1000n;
  expect(isTimestamp({ seconds: first, nanos: 0 })).toBe(true);
  expect(isTimestamp({ seconds: last, nanos: 999_999_999 })).toBe(true);
});

test.each([
  ['before the year 1', { seconds: -62_135_596_801n, nanos: 0 }],
  ['after the year 9999', { seconds: 253_402_300_800n, nanos: 0 }],
  ['negative nanoseconds', { seconds: 0n, nanos: -1 }],
  ['a whole second of nanoseconds', { seconds: 0n, nanos: 1_000_000_000 }],
])('%s is no timestamp', (_, timestamp) => {
  expect(isTimestamp(timestamp)).toBe(false);
});
