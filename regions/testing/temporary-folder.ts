import { afterAll, afterEach, beforeAll } from 'vitest';
import { endFolder, makeFolder } from './folder.ts';

/**
 * A folder for all tests of a file, which everybody may enter. It goes away when they have
 * passed; else it is kept and named.
 */
export function temporaryFolder(): () => string {
  let folder = '';
  let failed = false;
  beforeAll(() => {
    folder = makeFolder();
  });
  afterEach(({ task }) => {
    failed ||= task.result?.state === 'fail';
  });
  afterAll(() => endFolder(folder, failed));
  return () => folder;
}
