import type { Timestamp } from '../../proto/gen/google/protobuf/timestamp.ts';

/** Microseconds since 1970 as a protobuf timestamp. */
export function timestampFrom(micros: number): Timestamp {
  const seconds = Math.floor(micros / 1_000_000);
  return { seconds: BigInt(seconds), nanos: (micros - seconds * 1_000_000) * 1000 };
}
