import { execFileSync } from 'node:child_process';
import { cpSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from './processes/code.ts';
import { type Build, BUILD_FILE, commitOf } from './processes/release.ts';
import { sha256 } from './server/patched-libraries.ts';

/*
 * `npm run build`: compiles what an installed package runs into `dist`, with the same folders as
 * the sources, and adds what is read at run time. `npm pack` calls it first.
 */

/** What the code reads at run time next to it. */
const RESOURCES = [
  'ledger/migrations/*.sql',
  'proto/gen/descriptors.binpb',
  'regions/supervisor/replicated/*.py',
];

const inPackage = (...parts: string[]) => join(packageFolder, ...parts);

function runTool(name: string, ...args: string[]): void {
  const tool = inPackage('node_modules', '.bin', name);
  // Standard output is for `npm pack --json`.
  execFileSync(tool, args, { cwd: packageFolder, stdio: ['ignore', 2, 2] });
}

/** The SHA-256 of each file that a patch changes, by its path in node_modules. */
function hashPatched(): Build['patched'] {
  const patches = globSync(inPackage('patches', '*.patch'));
  const files = patches.flatMap((patch) =>
    [...readFileSync(patch, 'utf8').matchAll(/^\+\+\+ b\/node_modules\/(.+)$/gmu)].map(
      ([, file = '']) => file,
    ),
  );
  return Object.fromEntries(files.map((file) => [file, sha256(inPackage('node_modules', file))]));
}

rmSync(inPackage('dist'), { recursive: true, force: true });
// Fails if one is not applied and cannot be.
runTool('patch-package', '--error-on-fail');
runTool('tsc', '-p', 'tsconfig.build.json');
for (const file of globSync(RESOURCES, { cwd: packageFolder })) {
  cpSync(inPackage(file), inPackage('dist', file));
}
const build: Build = { commit: await commitOf(), patched: hashPatched() };
writeFileSync(inPackage(BUILD_FILE), `${JSON.stringify(build, undefined, 2)}\n`);
