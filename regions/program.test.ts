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

test('an error in JSON is one line, as after events', async () => {
  const { code, out, err } = await meridian().run('in-transit', '--json');
  expect({ code, err }).toEqual({ code: 3, err: '' });
  expect(out).toMatch(/^\{"error":\{"code":"NOT_POSSIBLE",.+\}\n$/u);
});

test.each(['postgres://owner:secret@127.0.0.1:1/book', 'postgres://owner:secret@127.0.0.1'])(
  'a password in the URL %s is not printed',
  async (url) => {
    const { code, out, err } = await meridian().run('book', 'create', '--database', url, '--json');
    expect(code).toBe(2);
    expect(out + err).toMatch(/--database: /u);
    expect(out + err).not.toContain('secret');
  },
);

test('two forms of output at once are wrong usage', async () => {
  const { code, out } = await meridian().run('accounts', '--csv', '--json');
  const { error } = Object(JSON.parse(out));
  expect({ code, message: error.message }).toEqual({
    code: 2,
    message: expect.stringMatching(/cannot be used with option/u),
  });
});
