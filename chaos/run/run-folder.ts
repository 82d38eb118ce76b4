import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CommandFailure, ExitCode } from '../../regions/commands/failure.ts';

/** Makes the folder of a run in `out`. Throws CommandFailure when it cannot be made. */
export function makeRunFolder(out: string, seed: number): string {
  const stamp = new Date().toISOString().replaceAll(/[:.]/gu, '-').slice(0, 19);
  const folder = join(out, `${stamp}Z-seed-${seed}`);
  try {
    makeFolder(resolve(folder));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(ExitCode.usage, `nothing can be kept in ${out}: ${why}`);
  }
  return folder;
}

/** One after the other: asked for a whole path at once in /proc, Node.js tries for ever. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  mkdirSync(path);
}
