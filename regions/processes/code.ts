import { join, resolve } from 'node:path';

/** Where the code is: TypeScript in a checkout, JavaScript in `dist` of an installed package. */

export const isBuilt = import.meta.filename.endsWith('.js');

/** The folder that package.json is in. */
export const packageFolder = resolve(import.meta.dirname, '..', '..', isBuilt ? '..' : '');

/** The file that runs for a source file, which is named from the root of the checkout. */
export function moduleFile(source: string): string {
  if (!isBuilt) return join(packageFolder, source);
  return join(packageFolder, 'dist', source.replace(/\.ts$/u, '.js'));
}
