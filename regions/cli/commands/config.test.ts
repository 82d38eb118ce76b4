import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { settings } from '../../config/settings.ts';
import { childEnvironment } from '../../processes/environment.ts';
import { testFolder } from '../../testing/folder.ts';
import { openDataDir } from '../../topology/data-dir.ts';
import { checkout } from '../../topology/layout.ts';
import { recordTopology } from '../../topology/topology-record.ts';

/** Runs `meridian config` in a folder. */
function config(cwd: string, args: readonly string[], env: Record<string, string> = {}) {
  const main = join(checkout, 'regions', 'meridian.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'config', ...args], {
    cwd,
    env: childEnvironment(env),
    encoding: 'utf8',
  });
  return { code: status, out: stdout, err: stderr };
}

test('a file is written once, is right as it is, and holds every setting', () => {
  const folder = testFolder();
  const file = join(folder, 'meridian.yaml');
  expect(config(folder, ['init'])).toMatchObject({ code: 0, out: '' });
  const text = readFileSync(file, 'utf8');
  for (const { key } of settings) {
    expect(text).toMatch(new RegExp(`^ +# ${key.split('.').at(-1)}: `, 'mu'));
  }
  writeFileSync(file, text.replaceAll(/^( +)# ([a-zA-Z]+: \S+)$/gmu, '$1$2'));
  expect(config(folder, ['check'])).toMatchObject({
    code: 0,
    out: expect.stringContaining(`3 books, ${settings.length} settings changed`),
  });
  expect(config(folder, ['init'])).toMatchObject({ code: 1 });
  expect(readFileSync(file, 'utf8')).not.toBe(text);
  expect(config(folder, ['init', '--force'])).toMatchObject({ code: 0 });
  expect(readFileSync(file, 'utf8')).toBe(text);
});

test('problems are listed with their lines, and are exit code 1; an unreadable file is 2', () => {
  const folder = testFolder();
  const file = join(folder, 'other.yaml');
  writeFileSync(file, 'regions: [eu-west]\nbasePort: 5\n');
  const message = 'must be a whole number from 1024 to 65400';
  expect(config(folder, ['check', 'other.yaml'])).toEqual({
    code: 1,
    out: `${file}:2: basePort: ${message}\n`,
    err: '',
  });
  const { code, out } = config(folder, ['check', '--json'], { MERIDIAN_CONFIG: file });
  expect({ code, out: JSON.parse(out) }).toEqual({
    code: 1,
    out: { file, ok: false, problems: [{ path: 'basePort', line: 2, message }] },
  });
  expect(config(folder, ['check', 'none.yaml'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('none.yaml'),
  });
  expect(config(folder, ['show'], { MERIDIAN_CONFIG: file })).toMatchObject({ code: 2 });
});

test('a book that is added below the numbers of its region is refused', () => {
  const folder = testFolder();
  const write = (books: string) =>
    writeFileSync(join(folder, 'meridian.yaml'), `regions: [a]\ndata: ./data\nbooks: [${books}]`);
  write('{ number: 2, name: a-2, region: a }');
  const { root } = openDataDir(join(folder, 'data'));
  const book = { number: 2, name: 'a-2', region: 'a', copies: ['a'] };
  recordTopology(root, { regions: ['a'], books: [book], delays: {} });
  expect(config(folder, ['check'])).toMatchObject({ code: 0 });
  write('{ number: 1, name: a-1, region: a }, { number: 2, name: a-2, region: a }');
  expect(config(folder, ['check'])).toMatchObject({
    code: 1,
    out: expect.stringContaining('must be greater than 2, the last one of a'),
  });
});

test('settings are shown with their sources, and secrets are not', () => {
  const folder = testFolder();
  writeFileSync(join(folder, 'meridian.yaml'), 'settings: { ledger: { queueMib: 20 } }');
  const env = {
    MERIDIAN_LEDGER_BATCH_ITEMS: '3000',
    MERIDIAN_LEDGER_PASSWORD: 'hush-1',
    MERIDIAN_DATABASE_URL: 'postgres://owner:hush-2@127.0.0.1/book?password=hush-3',
    MERIDIAN_REDIS_URL: 'hush-4',
  };
  const plain = config(folder, ['show'], env);
  expect(plain).toMatchObject({ code: 0, err: '' });
  const { code, out } = config(folder, ['show', '--json'], env);
  expect(code).toBe(0);
  expect(plain.out + out).not.toContain('hush');
  expect(JSON.parse(out)).toMatchObject({
    file: join(folder, 'meridian.yaml'),
    profile: 'embedded',
    variables: expect.arrayContaining([
      {
        name: 'MERIDIAN_DATABASE_URL',
        value: 'postgres://owner:****@127.0.0.1/book?password=****',
      },
    ]),
    settings: expect.arrayContaining([
      expect.objectContaining({ key: 'ledger.batchItems', value: 3_000, source: 'environment' }),
      expect.objectContaining({ key: 'ledger.queueMib', value: 20, source: 'file', default: 32 }),
      expect.objectContaining({ key: 'supervisor.redisMib', source: 'derived', unit: 'MiB' }),
    ]),
  });
  const one = config(folder, ['show', 'MERIDIAN_LEDGER_QUEUE_MIB']).out;
  expect(one).toMatch(/^ledger.queueMib = 20\n[^]+ file\n[^]+ 32\n[^]+ 16 to 1024 MiB\n/u);
  expect(config(folder, ['show', 'ledger.queuMib'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('did you mean ledger.queueMib?'),
  });
});
