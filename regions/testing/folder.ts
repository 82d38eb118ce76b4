import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new folder that everybody may enter. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-test-'));
  chmodSync(folder, 0o711);
  return folder;
}

/** Removes a folder of a test, or names it where the test has failed. */
export function endFolder(folder: string, failed: boolean): void {
  if (failed) process.stderr.write(`kept for you: ${folder}\n`);
  else rmSync(folder, { recursive: true, force: true });
}

/** A new folder that everybody may enter and that goes away when the test has passed. */
export function testFolder(): string {
  const folder = makeFolder();
  onTestFinished(({ task }) => endFolder(folder, task.result?.state === 'fail'));
  return folder;
}
