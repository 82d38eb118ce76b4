import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testFolder } from './testing/folder.ts';

/** A preload script that makes a Node pass for one that does not run TypeScript. */
const OLD = `data:text/javascript,if (!process.env.HANDED_OVER) {
  Object.defineProperty(process, 'version', { value: 'v20.1.0' });
  process.env.HANDED_OVER = 'yes';
}`;

/** A checkout with the entry, and a command that prints its arguments and ends with 1. */
function checkout(installed: readonly ('packages' | 'node')[]): string {
  const root = testFolder();
  const regions = join(root, 'regions');
  mkdirSync(regions);
  copyFileSync(join(import.meta.dirname, 'meridian.mjs'), join(regions, 'meridian.mjs'));
  const main = 'console.log(process.argv.slice(2).join() as string); process.exitCode = 1;\n';
  writeFileSync(join(regions, 'main.ts'), main);
  if (installed.includes('packages')) {
    mkdirSync(join(root, 'node_modules', 'commander'), { recursive: true });
  }
  if (installed.includes('node')) {
    mkdirSync(join(root, 'node_modules', '.bin'));
    symlinkSync(process.execPath, join(root, 'node_modules', '.bin', 'node'));
  }
  return root;
}

function run(root: string, ...flags: string[]) {
  const args = [...flags, join(root, 'regions', 'meridian.mjs'), 'status', '--json'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('a Node that runs TypeScript runs the command', () => {
  expect(run(checkout(['packages']))).toMatchObject({ status: 1, stdout: 'status,--json\n' });
});

test('a package without sources runs what was built', () => {
  const root = checkout([]);
  rmSync(join(root, 'regions', 'main.ts'));
  mkdirSync(join(root, 'dist', 'regions'), { recursive: true });
  writeFileSync(join(root, 'dist', 'regions', 'main.js'), "console.log('built');\n");
  expect(run(root)).toMatchObject({ status: 0, stdout: 'built\n' });
});

test('an older Node hands over to the one that npm installed', () => {
  const root = checkout(['packages', 'node']);
  expect(run(root, '--import', OLD)).toMatchObject({ status: 1, stdout: 'status,--json\n' });
});

test('an older Node without another prints what is needed, in one line', () => {
  const { status, stderr } = run(checkout(['packages']), '--import', OLD);
  expect({ status, stderr }).toEqual({
    status: 3,
    stderr: expect.stringMatching(/^meridian: this is Node v20\.1\.0, and Node 22\.18.+\n$/u),
  });
});

test('a checkout without its packages prints how to install them', () => {
  const { status, stderr } = run(checkout([]));
  expect({ status, stderr }).toEqual({
    status: 3,
    stderr: expect.stringMatching(/^meridian: the npm packages are not installed;.+\n$/u),
  });
});
