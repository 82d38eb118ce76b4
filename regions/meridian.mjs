#!/usr/bin/env node
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * The `meridian` command for any Node that starts it. Plain JavaScript without dependencies: a
 * Node that does not run TypeScript hands over to the one that npm installed with the packages.
 * Exit code 3 when no Node here runs it. A checkout runs its sources; an installed package has none
 * and runs `dist`.
 */

const self = fileURLToPath(import.meta.url);
const regions = dirname(self);
const modules = join(dirname(regions), 'node_modules');
const isCheckout = existsSync(join(regions, 'main.ts'));
const main = isCheckout ? './main.ts' : '../dist/regions/main.js';
/** The first Node that runs TypeScript as it is. */
const oldestNode = [22, 18];

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.replace(/^v/u, '').split('.').map(Number);
  return major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]);
}

function refuse(text) {
  process.stderr.write(`meridian: ${text}\n`);
  process.exit(3);
}

/** True when the Node that npm installed runs here, and runs TypeScript. */
function runs(node) {
  const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  return status === 0 && isNewEnough(stdout.trim());
}

/** Runs this again in another Node, which runs TypeScript, and ends as it ends. */
function handOver(node) {
  const child = spawn(node, [self, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends Ctrl-C to both, and a second one would not let the command stop in order.
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', ({ message }) => refuse(`${node} does not start: ${message}`));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

if (isCheckout && !existsSync(join(modules, 'commander'))) {
  refuse('the npm packages are not installed; run "npm install" in the checkout');
}
const installed = join(modules, '.bin', 'node');
if (isNewEnough(process.version)) {
  // Before main.ts, which would otherwise have its types removed at every start.
  module.enableCompileCache?.(join(modules, '.cache', 'compiled'));
  await import(main);
} else if (runs(installed)) handOver(installed);
else {
  refuse(
    `this is Node ${process.version}, and Node ${oldestNode.join('.')} or newer is needed ` +
      `(24 is best); ${isCheckout ? 'run "npm install" in the checkout, which installs one, or ' : ''}install it`,
  );
}
