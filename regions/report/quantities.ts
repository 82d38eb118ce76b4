/** Formats of numbers on the page, rounded to a useful precision. */

/** A count such as 20,000. */
export function countText(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** A count and its noun: 1 call, 2,000 calls. */
export function countOf(value: number, one: string, many = `${one}s`): string {
  return `${countText(value)} ${value === 1 ? one : many}`;
}

/** Whole minor units, which come as text because they may exceed what a number holds. */
export function minorText(minor: string): string {
  return /^-?\d+$/u.test(minor) ? BigInt(minor).toLocaleString('en-US') : minor;
}

/** A length of time: 0 ms, 420 ms, 9.8 s, 2 min 5 s. `null` is a dash. */
export function durationText(ms: number | null): string {
  if (ms === null) return '–';
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 119_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** A moment as seen from the injection, such as +8.2 s or -3.0 s. */
export function offsetText(ms: number): string {
  return `${ms < 0 ? '-' : '+'}${(Math.abs(ms) / 1000).toFixed(1)} s`;
}

/** 2026-11-21 12:30:00 UTC; a text that is not a time stays unchanged. */
export function timeText(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  return `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
