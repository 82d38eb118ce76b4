import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';

/**
 * A folder for all tests of a file, which everybody may enter. It goes away when they have
 * passed; else it is kept and named.
 */
export function temporaryFolder(): () => string {
  let folder = '';
  let failed = false;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'meridian-test-'));
    chmodSync(folder, 0o711);
  });
  afterEach(({ task }) => {
    failed ||= task.result?.state === 'fail';
  });
  afterAll(() => {
    if (failed) process.stderr.write(`kept for you: ${folder}\n`);
    else rmSync(folder, { recursive: true, force: true });
  });
  return () => folder;
}
