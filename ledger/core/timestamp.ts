import type { Timestamp } from '../../proto/gen/google/protobuf/timestamp.ts';

/** Microseconds since 1970 as a protobuf timestamp. */
export function timestampFrom(micros: number): Timestamp {
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds: BigInt(seconds), nanos: (micros - seconds * 1_000_000) * 1000 };
}

const SECONDS_MIN = -62_135_596_800n;
const SECONDS_MAX = 253_402_300_799n;

/** True if the timestamp lies within the years 1 to 9999. */
export function isTimestamp({ seconds, nanos }: Timestamp): boolean {
  return seconds >= SECONDS_MIN && seconds <= SECONDS_MAX && nanos >= 0 && nanos < 1e9;
}

/** The last microsecond since 1970 that is not after a timestamp. */
export function microsUpTo({ seconds, nanos }: Timestamp): bigint {
  return seconds * 1_000_000n + BigInt(Math.floor(nanos / 1000));
}

/** The last microsecond since 1970 that is before a timestamp. */
export function microsBefore({ seconds, nanos }: Timestamp): bigint {
  return seconds * 1_000_000n + BigInt(Math.ceil(nanos / 1000)) - 1n;
}

/** Less than zero if `a` is before `b`, zero if they are the same. */
export function compareTimestamps(a: Timestamp, b: Timestamp): number {
  return a.seconds === b.seconds ? a.nanos - b.nanos : a.seconds < b.seconds ? -1 : 1;
}
