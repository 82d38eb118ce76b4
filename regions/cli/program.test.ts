import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Meridian } from '../testing/meridian.ts';
import { childEnvironment } from '../processes/environment.ts';
import { versionAndCommit } from '../processes/release.ts';
import { checkout } from '../topology/layout.ts';
import { testFolder } from '../testing/folder.ts';
import { commands } from './program.ts';

// Where nothing runs.
const meridian = () => new Meridian(join(testFolder(), 'none'));

test('its version is that of the package and of the commit', async () => {
  const out = `${await versionAndCommit()}\n`;
  expect(out).toMatch(/^\d+\.\d+\.\d+ \([0-9a-f]{12}(?:\+changes)?\)\n$/u);
  expect(await meridian().run('--version')).toEqual({ code: 0, out, err: '' });
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

test('the help lists every command, by the name that it is called by', async () => {
  const { out } = await meridian().run('--help');
  const listed = [...out.matchAll(/^ {2}([a-z][a-z-]+) /gmu)].map(([, name]) => name);
  expect(listed).toEqual([...Object.keys(commands), 'help']);
});

/** Loaded before a program: prints, when it ends, what it has loaded and its processor time. */
const observer = `
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
  process.on('exit', () => {
    const { user, system } = process.cpuUsage();
    process.stdout.write('\\n' + JSON.stringify({ loaded, cpuMs: (user + system) / 1_000 }));
  });`;

/** Runs Node with these arguments: what it has loaded, and its processor time. */
function observed(...args: readonly string[]): { loaded: string; cpuMs: number } {
  const before = `data:text/javascript,${encodeURIComponent(observer)}`;
  const { stdout } = spawnSync(process.execPath, ['--import', before, ...args], {
    encoding: 'utf8',
    env: childEnvironment(),
  });
  const { loaded, cpuMs } = Object(JSON.parse(stdout.slice(stdout.lastIndexOf('\n'))));
  return { loaded: [...loaded].join('\n'), cpuMs };
}

const main = join(checkout, 'regions', 'meridian.mjs');
// A router that refuses the connection, so that all code of a call is loaded and nothing waits.
const call = [
  main,
  'account',
  'show',
  'x',
  '--router',
  '127.0.0.1:1',
  '--insecure',
  '--timeout',
  '0.01',
];

test('a command loads no code of other commands', () => {
  expect(observed(main, '--version').loaded).not.toMatch(/grpc|zod|regions\/local\/state/u);
  const { loaded } = observed(...call);
  expect(loaded).toContain('@grpc/grpc-js');
  expect(loaded).not.toMatch(
    /node_modules\/(?:echarts|postgres|yaml|csv-parse|hdr-histogram-js|ioredis|protobufjs)\//u,
  );
});

/** The processor time of the best of three, in ms: what else runs on the machine counts little. */
const leastCpuMs = (...args: readonly string[]) =>
  Math.min(...[1, 2, 3].map(() => observed(...args).cpuMs));

test('a command starts in a few times what an empty program takes', () => {
  const empty = leastCpuMs('-e', '0');
  expect(leastCpuMs(main, '--version') / empty).toBeLessThan(6);
  expect(leastCpuMs(...call) / empty).toBeLessThan(16);
});
