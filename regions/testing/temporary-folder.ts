import { afterAll, afterEach, beforeAll } from 'vitest';
import { endFolder, makeFolder } from './folder.ts';

/**
 * A folder for all tests of a file, which every user may enter. It is removed when they have
 * passed; otherwise it is kept and reported.
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
