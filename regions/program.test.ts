import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Meridian } from './commands/test/meridian.ts';
import { checkout } from './local/layout.ts';
import { testFolder } from './local/test/folder.ts';

// Where nothing runs.
const meridian = () => new Meridian(join(testFolder(), 'none'));

test('its version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));
  expect(await meridian().run('--version')).toEqual({ code: 0, out: `${version}\n`, err: '' });
});

test('an installation that does not run is down already', async () => {
  expect(await meridian().run('down')).toMatchObject({ code: 0, err: '' });
  expect(await meridian().json(0, 'down')).toEqual({ stopped: false });
  expect(await meridian().run('status')).toMatchObject({ code: 3, out: '' });
});

test('two forms of output at once are wrong usage', async () => {
  const { code, out } = await meridian().run('accounts', '--csv', '--json');
  const { error } = Object(JSON.parse(out));
  expect({ code, message: error.message }).toEqual({
    code: 2,
    message: expect.stringMatching(/cannot be used with option/u),
  });
});
