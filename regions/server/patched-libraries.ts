import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Build, readBuild } from '../processes/release.ts';

/**
 * Throws an Error if this is an installed package and a library that it would load lacks its
 * patch: such a server could take the answer of one statement for that of another. In a checkout
 * the set-up checks the patches.
 */
export function requirePatchedLibraries(): void {
  const build = readBuild();
  const file = build && unpatchedFile(build);
  if (file === undefined) return;
  throw new Error(
    `no server is started: ${file} is not the one that Meridian was built with. The package ` +
      'contains patched copies of postgres and @grpc/grpc-js, and npm uses them; a package ' +
      'manager that ignores bundled dependencies cannot install it (see patches/README.md)',
  );
}

/**
 * The first file that differs from what the build recorded.
 *
 * @param folderOf returns the folder of a library by its name
 */
export function unpatchedFile({ patched }: Build, folderOf = libraryFolder): string | undefined {
  for (const [path, expected] of Object.entries(patched)) {
    const library = /^(?:@[^/]+\/)?[^/]+/u.exec(path)?.[0] ?? '';
    const file = join(folderOf(library), path.slice(library.length));
    if (!existsSync(file) || sha256(file) !== expected) return file;
  }
  return undefined;
}

export const sha256 = (file: string): string =>
  createHash('sha256').update(readFileSync(file)).digest('hex');

/** The folder of a library as imports find it from here. */
function libraryFolder(name: string): string {
  const entry = fileURLToPath(import.meta.resolve(name));
  const inside = join('node_modules', name);
  return entry.slice(0, entry.lastIndexOf(inside) + inside.length);
}
