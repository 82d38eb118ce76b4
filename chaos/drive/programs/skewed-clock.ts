import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A wall clock that is wrong by the offset in a small file; the file may change at any time. Only
 * `Date` is changed: timers, performance.now() and process.hrtime(), which waits and leases use,
 * are not.
 */

/** How often the file is read. A jump takes effect within this time. */
const READ_MS = 25;

/** Makes `Date` of this process follow the file from now on. A missing file means no shift. */
export function installSkewedClock(file: string): void {
  const RealDate = Date;
  const realNow = RealDate.now;
  let byMs = readShift(file);
  setInterval(() => {
    byMs = readShift(file);
  }, READ_MS).unref();
  const now = (): number => realNow() + byMs;
  RealDate.now = now;
  globalThis.Date = new Proxy(RealDate, {
    construct: (_, given: unknown[], made): object => {
      const asked: object = Reflect.construct(RealDate, given.length === 0 ? [now()] : given, made);
      return asked;
    },
    apply: () => new RealDate(now()).toString(),
  });
}

function readShift(file: string): number {
  try {
    const byMs = Number(readFileSync(file, 'utf8'));
    return Number.isFinite(byMs) ? byMs : 0;
  } catch {
    return 0;
  }
}

/** Shifts the clock that reads this file by this number of milliseconds; 0 resets it. */
export function writeShift(file: string, byMs: number): void {
  // Replaced atomically, for it is read all the time; it need not survive a crash of the machine.
  const draft = `${file}.new`;
  writeFileSync(draft, String(byMs));
  renameSync(draft, file);
}

/** The file of a server in the folder of the clocks; `book` is undefined for a router. */
export function clockFile(folder: string, region: string, book: number | undefined): string {
  return join(folder, `${region}-${book ?? 'router'}`);
}

/** The file of the server that has this environment, see regions/server/config.ts. */
export function ownClockFile(folder: string, env: NodeJS.ProcessEnv): string {
  const book = env['MERIDIAN_BOOK'];
  return clockFile(folder, env['MERIDIAN_REGION'] ?? '', book === undefined ? book : Number(book));
}
