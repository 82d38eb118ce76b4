import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  auditorPassfile,
  psqlCommand,
  withoutPassword,
  withPassword,
  writeAuditorPassfile,
} from './passfile.ts';
import { testFolder } from '../testing/folder.ts';

const url = 'postgres://auditor:a%3Ab%5Cc@127.0.0.1:7402/eu_west_1';
const bare = 'postgres://auditor@127.0.0.1:7402/eu_west_1';

test('what is printed has no password, and the password file that it names has it', () => {
  const root = testFolder();
  writeAuditorPassfile(root, [url, url]);
  const path = auditorPassfile(root);
  expect(readFileSync(path, 'utf8')).toBe('127.0.0.1:7402:eu_west_1:auditor:a\\:b\\\\c\n');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(withoutPassword(url)).toBe(bare);
  expect(psqlCommand(root, url)).toBe(`PGPASSFILE=${path} psql ${bare}`);
  expect(psqlCommand("/it's here", url)).toBe(
    `PGPASSFILE='/it'\\''s here/auditor.pgpass' psql ${bare}`,
  );
  expect(withPassword(bare, undefined, path)).toBe(url);
});

test('a password is found as psql finds it', () => {
  const path = join(testFolder(), 'pgpass');
  writeFileSync(path, '# ours\n127.0.0.1:1:*:*:no\n*:7402:*:auditor:yes\n*:*:*:*:late\n');
  const yes = 'postgres://auditor:yes@127.0.0.1:7402/eu_west_1';
  expect(withPassword(bare, undefined, path)).toBe(yes);
  expect(withPassword(bare, 'first', path)).toContain(':first@');
  expect(withPassword(url, 'first', path)).toBe(url);
  expect(withPassword(bare, undefined, '/no/such/file')).toBe(bare);
});
