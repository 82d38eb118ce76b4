import { InvalidArgumentError } from 'commander';

import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts';

const FORM =
  /^(?<day>\d{4}-\d\d-\d\d)(?:[T ](?<time>\d\d:\d\d(?::\d\d)?)(?:\.(?<fraction>\d{1,6}))?(?<zone>Z|[+-]\d\d:\d\d))?$/u;

/**
 * A time of ISO 8601 to the microsecond, such as 2026-11-21 (its first moment, in UTC) or
 * 2026-11-21T09:30:00.123456+01:00. Throws InvalidArgumentError, also without a zone: a ledger
 * has no local time.
 */
export function parseInstant(text: string): Timestamp {
  const { day, time = '00:00', fraction = '', zone = 'Z' } = FORM.exec(text)?.groups ?? {};
  const utc = Date.parse(`${day}T${time}Z`);
  const ms = Date.parse(`${day}T${time}${zone}`);
  // Date.parse reads the 30th of February as a day in March.
  if (Number.isFinite(ms) && new Date(utc).toISOString().startsWith(`${day}T${time}`)) {
    return { seconds: BigInt(ms / 1_000), nanos: Number(fraction.padEnd(9, '0')) };
  }
  throw new InvalidArgumentError(
    'It must be a time such as 2026-11-21, 2026-11-21T09:30:00Z or 2026-11-21T09:30:00.123456+01:00.',
  );
}

/** A time to the microsecond, in a form that commands accept; '' if there is none. */
export function instantText(time: Timestamp | undefined): string {
  if (!time) return '';
  const seconds = new Date(Number(time.seconds) * 1_000).toISOString().slice(0, 19);
  const micros = String(Math.floor(time.nanos / 1_000)).padStart(6, '0');
  return `${seconds}.${micros}Z`;
}
