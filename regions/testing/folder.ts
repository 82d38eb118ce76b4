import { rmSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { keepScratchFolder, makeScratchFolder } from '../../ledger/testing/scratch-folder.ts';

/** A new folder that every user may enter. */
export function makeFolder(): string {
  return makeScratchFolder('test');
}

/** Removes the folder of a test, or reports it if the test has failed. */
export function endFolder(folder: string, failed: boolean): void {
  if (failed) process.stderr.write(`kept for you: ${keepScratchFolder(folder)}\n`);
  else rmSync(folder, { recursive: true, force: true });
}

/** A new folder that every user may enter; it is removed when the test has passed. */
export function testFolder(): string {
  const folder = makeFolder();
  onTestFinished(({ task }) => endFolder(folder, task.result?.state === 'fail'));
  return folder;
}
