import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { getHeapStatistics } from 'node:v8';
import { must } from '../../core/assert.ts';

/** At the same time: tables that hold what is in progress grow, and are copied. */
const AT_ONCE = 20;

/**
 * Bytes that each piece of work leaves in memory until a full collection, although nothing uses
 * them any more. How that comes about: ledger/docs/design.md, "What outlives a call".
 * For a process of its own, begun with --expose-gc.
 */
export async function bytesOutliving(work: () => Promise<unknown>, times: number): Promise<number> {
  const collect = must(globalThis.gc, 'the process was begun with --expose-gc');
  const run = async (count: number) => {
    for (let done = 0; done < count; done += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, work));
    }
  };
  await run(times);
  const inProgress = run(AT_ONCE);
  // What is in progress now is among the old objects from here on.
  collect();
  await inProgress;
  await run(times);
  await sleep(50);
  for (let scavenge = 0; scavenge < 3; scavenge += 1) collect({ type: 'minor' });
  const left = getHeapStatistics().used_heap_size;
  collect();
  return (left - getHeapStatistics().used_heap_size) / times;
}

/** What a program of this folder has printed: in the process of a test others would leave garbage. */
export async function printedBy(program: string, ...args: string[]): Promise<number> {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', path, ...args]);
  return Number(stdout);
}
