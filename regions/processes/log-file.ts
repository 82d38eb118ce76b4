import { closeSync, fstatSync, openSync, readSync, renameSync, statSync } from 'node:fs';

/** The log file of one child. It is rotated when the child starts, so it is kept small enough. */

/** Default size at which a log is set aside. */
export const LOG_BYTES = 32 * 1024 * 1024;
const tailBytes = 8 * 1024;

/** An open log file: the descriptor to hand to the child, and where its part begins. */
export interface OpenLog {
  readonly descriptor: number;
  readonly startsAt: number;
}

/** Opens a log for appending; one of more than `bytes` is first moved aside to `<path>.1`. */
export function openLog(path: string, bytes = LOG_BYTES): OpenLog {
  try {
    if (statSync(path).size > bytes) renameSync(path, `${path}.1`);
  } catch {
    // There is no log yet.
  }
  const descriptor = openSync(path, 'a', 0o600);
  return { descriptor, startsAt: fstatSync(descriptor).size };
}

/** Keeps the message and the error of a JSON log line; its other fields do not help here. */
function readable(line: string): string {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null) return line;
    const parts: string[] = [];
    if ('msg' in entry && typeof entry.msg === 'string') parts.push(entry.msg);
    const error = 'err' in entry ? entry.err : undefined;
    if (typeof error === 'object' && error !== null && 'message' in error) {
      if (typeof error.message === 'string') parts.push(error.message);
    }
    return parts.length > 0 ? parts.join(': ') : line;
  } catch {
    return line;
  }
}

/** The last `count` lines that were written from byte `startsAt` on, fit to be shown to a user. */
export function logTail(path: string, startsAt: number, count: number): string[] {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return [];
  }
  try {
    const size = fstatSync(file).size;
    const from = Math.max(startsAt, size - tailBytes);
    const buffer = Buffer.alloc(Math.max(0, size - from));
    readSync(file, buffer, 0, buffer.length, from);
    const lines = buffer.toString('utf8').split('\n');
    return lines
      .filter((line) => line.trim() !== '' && !/^\s+at /u.test(line))
      .slice(-count)
      .map(readable);
  } finally {
    closeSync(file);
  }
}
