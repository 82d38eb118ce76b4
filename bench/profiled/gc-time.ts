import { openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { PerformanceObserver } from 'node:perf_hooks';

/** The setting that names the folder of the files; absent: nothing is counted. */
export const GC_FOLDER = 'BENCH_GC_FOLDER';

const MS_PER_SECOND = 1_000;

/**
 * Counts the time that garbage collection stops this process for, from now until it ends, and
 * keeps the sum in the file `<pid>` of the folder: in seconds, as a double. A write takes a few
 * microseconds, some tens of times a second.
 */
export function countGcTime(): void {
  const folder = process.env[GC_FOLDER];
  if (folder === undefined) return;
  const file = openSync(join(folder, String(process.pid)), 'w');
  const bytes = Buffer.alloc(Float64Array.BYTES_PER_ELEMENT);
  let seconds = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) seconds += duration / MS_PER_SECOND;
    bytes.writeDoubleLE(seconds);
    writeSync(file, bytes, 0, bytes.length, 0);
  }).observe({ entryTypes: ['gc'] });
}

/** Seconds of garbage collection so far by the names of the processes that count it. */
export function readGcSeconds(
  folder: string,
  pids: ReadonlyMap<string, number>,
): Map<string, number> {
  const found = new Map<string, number>();
  for (const [name, pid] of pids) {
    try {
      const bytes = readFileSync(join(folder, String(pid)));
      if (bytes.length > 0) found.set(name, bytes.readDoubleLE());
    } catch {
      // A process that does not count it.
    }
  }
  return found;
}
