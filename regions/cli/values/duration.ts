import { InvalidArgumentError } from 'commander';

const SECONDS_MAX = 2 ** 31 - 1;

/** Seconds of a duration such as 90s, 15m, 1h30m or 7d. Throws InvalidArgumentError. */
export function parseDuration(text: string): number {
  const parts = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/u.exec(text);
  if (parts && text !== '') {
    const [days, hours, minutes, seconds] = parts.slice(1).map((part) => Number(part ?? 0));
    const total =
      (days ?? 0) * 86_400 + (hours ?? 0) * 3_600 + (minutes ?? 0) * 60 + (seconds ?? 0);
    if (total > 0 && total <= SECONDS_MAX) return total;
  }
  throw new InvalidArgumentError(
    'It must be a duration with its units, such as 90s, 15m, 1h30m or 7d.',
  );
}
