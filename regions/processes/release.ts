import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isBuilt, packageFolder } from './code.ts';

/** Which Meridian this is. */

const run = promisify(execFile);

/** What the build records, in the file of that name. */
export interface Build {
  /** As `commitOf` returned it. */
  readonly commit: string;
  /** SHA-256 in hex of each file that a patch changes, by its path in node_modules. */
  readonly patched: Readonly<Record<string, string>>;
}

export const BUILD_FILE = join('dist', 'build.json');

/** What the build of an installed package recorded; undefined in a checkout. */
export function readBuild(): Build | undefined {
  if (!isBuilt) return undefined;
  const build: Build = JSON.parse(readFileSync(join(packageFolder, BUILD_FILE), 'utf8'));
  return build;
}

/** The commit that runs, with "+changes" if files differ from it; '' where git cannot state. */
export async function commitOf(): Promise<string> {
  // Not of git: the project that a package is installed in may have a repository of its own.
  const build = readBuild();
  if (build !== undefined) return build.commit;
  try {
    const { stdout: hash } = await run('git', ['rev-parse', 'HEAD'], { cwd: packageFolder });
    const status = ['status', '--porcelain'];
    const { stdout: changes } = await run('git', status, { cwd: packageFolder });
    return `${hash.trim()}${changes === '' ? '' : '+changes'}`;
  } catch {
    return '';
  }
}

export async function ownVersion(): Promise<string> {
  const text = await readFile(join(packageFolder, 'package.json'), 'utf8');
  const { version }: { version: string } = JSON.parse(text);
  return version;
}

/** Version and commit in a line, such as "0.1.0 (2c1f0e9d8b7a)". */
export async function versionAndCommit(): Promise<string> {
  const version = await ownVersion();
  const [hash = '', changes] = (await commitOf()).split('+');
  if (hash === '') return version;
  return `${version} (${hash.slice(0, 12)}${changes === undefined ? '' : `+${changes}`})`;
}
