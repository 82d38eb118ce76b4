import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { writeFileAtomic } from './atomic-file.ts';

const folder = temporaryFolder();
const path = () => join(folder(), 'state.json');

test('a file is replaced, with the permissions asked for', () => {
  writeFileAtomic(path(), 'old');
  writeFileAtomic(path(), 'new text', 0o640);
  expect(readFileSync(path(), 'utf8')).toBe('new text');
  expect(statSync(path()).mode & 0o777).toBe(0o640);
  expect(readdirSync(folder())).toEqual(['state.json']);
});

test('a disk that is full after the first KiB leaves the old text, and no draft', () => {
  writeFileSync(path(), 'old text');
  const module = pathToFileURL(join(import.meta.dirname, 'atomic-file.ts')).href;
  const script = `
    import { writeFileAtomic } from ${JSON.stringify(module)};
    writeFileAtomic(${JSON.stringify(path())}, 'n'.repeat(5_000));`;
  // A limit on the size of files, in KiB, cuts a write short in the same way.
  const command = 'ulimit -f 1; exec "$0" --input-type=module -e "$1"';
  const { status, stderr } = spawnSync('bash', ['-c', command, process.execPath, script], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('EFBIG') });
  expect(readFileSync(path(), 'utf8')).toBe('old text');
  expect(readdirSync(folder())).toEqual(['state.json']);
});
