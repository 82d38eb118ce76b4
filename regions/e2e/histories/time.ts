import { must } from '../../../ledger/core/assert.ts';
import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts';

/** A required timestamp, in microseconds since 1970. */
export function microsOf(timestamp: Timestamp | undefined): number {
  const { seconds, nanos } = must(timestamp, 'there is a time');
  return Number(seconds) * 1_000_000 + nanos / 1000;
}
