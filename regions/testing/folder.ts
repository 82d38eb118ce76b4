import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new folder that every user may enter. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-test-'));
  chmodSync(folder, 0o711);
  return folder;
}

/** Removes the folder of a test, or reports it if the test has failed. */
export function endFolder(folder: string, failed: boolean): void {
  if (failed) process.stderr.write(`kept for you: ${folder}\n`);
  else rmSync(folder, { recursive: true, force: true });
}

/** A new folder that every user may enter; it is removed when the test has passed. */
export function testFolder(): string {
  const folder = makeFolder();
  onTestFinished(({ task }) => endFolder(folder, task.result?.state === 'fail'));
  return folder;
}
