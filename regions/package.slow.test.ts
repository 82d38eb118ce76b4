import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { packageFolder } from './processes/code.ts';
import { childEnvironment } from './processes/environment.ts';
import { findFreeBase } from './processes/ports.ts';
import { versionAndCommit } from './processes/release.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

/** The package as others install it: `npm pack`, `npm install` in an empty folder, and its use. */

const packed = z
  .array(
    z.object({
      filename: z.string(),
      size: z.number(),
      files: z.array(z.object({ path: z.string() })),
    }),
  )
  .length(1)
  .transform(([tarball]) => tarball);

const folder = temporaryFolder();
const project = () => join(folder(), 'project');
const installed = (...parts: string[]) => join(project(), 'node_modules', 'meridian', ...parts);
let paths: readonly string[] = [];

/** Runs a program to its end, as from a shell. */
function run(cwd: string, command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: childEnvironment(),
    timeout: 240_000,
  });
  return { status, stdout, stderr };
}

function succeed(cwd: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr } = run(cwd, command, ...args);
  expect(status, `${command} ${args.join(' ')}: ${stderr}${stdout}`).toBe(0);
  return stdout;
}

const npx = ['npx', '--no', '--', 'meridian'] as const;
const meridian = (...args: string[]) => run(project(), ...npx, ...args);

beforeAll(() => {
  const printed = succeed(packageFolder, 'npm', 'pack', '--json', '--pack-destination', folder());
  const tarball = packed.parse(JSON.parse(printed.slice(printed.indexOf('[\n'))));
  paths = tarball?.files.map(({ path }) => path) ?? [];
  mkdirSync(project());
  writeFileSync(join(project(), 'package.json'), '{ "type": "module", "private": true }');
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund'];
  succeed(project(), 'npm', 'install', ...quiet, join(folder(), tarball?.filename ?? ''));
});

test('it contains what runs, with types, and nothing for tests', () => {
  for (const path of [
    'dist/router/client/client.js',
    'dist/router/client/client.d.ts',
    'dist/ledger/migrations/0001_journal.sql',
    'dist/proto/gen/descriptors.binpb',
    'dist/regions/supervisor/replicated/patroni_guarded.py',
    'node_modules/postgres/src/connection.js',
    'regions/meridian.mjs',
    'LICENSE',
    'patches/README.md',
  ]) {
    expect(paths).toContain(path);
  }
  const own = paths.filter((path) => !path.startsWith('node_modules/'));
  const wrong = /\.test\.|(?<!\.d)\.ts$|\/(?:test|testing|e2e|chaos|bench)\//u;
  expect(own.filter((path) => wrong.test(path))).toEqual([]);
});

test('it brings no build tool, no Node, and one copy of each patched library', () => {
  const tools = ['patch-package', 'typescript', 'vitest', 'oxlint'];
  const modules = [join(project(), 'node_modules'), installed('node_modules')];
  expect(tools.filter((tool) => modules.some((path) => existsSync(join(path, tool))))).toEqual([]);
  // It would replace the project's own Node in its npm scripts.
  expect(existsSync(join(project(), 'node_modules', '.bin', 'node'))).toBe(false);
  for (const library of ['postgres', '@grpc/grpc-js']) {
    expect(modules.map((path) => existsSync(join(path, library)))).toEqual([false, true]);
  }
});

test('a script imports the client and the messages', () => {
  const script = `
    import { CallError, MeridianClient } from 'meridian/client';
    import { Freeze, GetAccountRequest } from 'meridian/v1/account';
    const client = new MeridianClient(['127.0.0.1:1'], { timeoutMs: 3_000, insecure: true });
    const found = await client.getAccount(GetAccountRequest.create({ id: 1n })).catch((e) => e);
    console.log(found instanceof CallError, found.code, Freeze.NONE);
    process.exit();`;
  writeFileSync(join(project(), 'script.js'), script);
  expect(succeed(project(), process.execPath, 'script.js')).toBe('true UNAVAILABLE 1\n');
});

/** A program that reads a field of an account. */
const source = (field: string) => `
  import { CallError, MeridianClient } from 'meridian/client';
  import { type Account, GetAccountRequest } from 'meridian/v1/account';
  const client = new MeridianClient(['127.0.0.1:7400'], { insecure: true });
  export async function balanceOf(id: bigint): Promise<bigint | string> {
    try {
      const reply = await client.getAccount(GetAccountRequest.create({ id }));
      const account: Account | undefined = reply.account;
      return account?.${field} ?? 0n;
    } catch (error) {
      return error instanceof CallError ? error.reason : '';
    }
  }`;

test('a TypeScript file is checked against the types, libraries included', () => {
  writeFileSync(join(project(), 'right.ts'), source('balance'));
  writeFileSync(join(project(), 'wrong.ts'), source('noSuchField'));
  const tsc = join(packageFolder, 'node_modules', '.bin', 'tsc');
  const options = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext'];
  succeed(project(), tsc, ...options, 'right.ts');
  const { stdout } = run(project(), tsc, ...options, 'wrong.ts');
  expect(stdout.trim().split('\n')).toEqual([expect.stringMatching(/^wrong\.ts.+noSuchField/u)]);
});

test('the command prints its version with the commit, and its help', async () => {
  expect(meridian('--version')).toMatchObject({
    status: 0,
    stdout: `${await versionAndCommit()}\n`,
  });
  const { status, stdout } = meridian('--help');
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining('switchover') });
});

test('the command starts three regions, moves payments and audits the books', async () => {
  const port = await findFreeBase();
  const place = ['--data', join(folder(), 'data'), '--port', String(port)];
  const printed = succeed(project(), ...npx, 'start', '--once', '--fresh', '--json', ...place);
  expect(JSON.parse(printed)).toMatchObject({ ok: true, audit: { ok: true } });
});

test('without the patched libraries no server starts, and the message names the file', async () => {
  const file = installed('node_modules', 'postgres', 'src', 'connection.js');
  const before = readFileSync(file);
  appendFileSync(file, '\n');
  try {
    const expected = expect.stringMatching(/no server is started: .+connection\.js/u);
    const program = installed('dist', 'regions', 'server', 'router.js');
    expect(run(project(), process.execPath, program)).toMatchObject({
      status: 1,
      stderr: expected,
    });
    const place = ['--data', join(folder(), 'refused'), '--port', String(await findFreeBase())];
    const { status, stderr } = meridian('start', '--once', ...place);
    expect({ status, stderr }).toEqual({ status: 3, stderr: expected });
  } finally {
    writeFileSync(file, before);
  }
});
