import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A new folder that everybody may enter and that goes away when the test has passed. */
export function testFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-test-'));
  chmodSync(folder, 0o711);
  onTestFinished(({ task }) => {
    if (task.result?.state === 'fail') process.stderr.write(`kept for you: ${folder}\n`);
    else rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}
