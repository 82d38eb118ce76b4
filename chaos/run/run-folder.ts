import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CommandFailure, ExitCode } from '../../regions/terminal/failure.ts';

/**
 * Makes a new folder for a run in `out`, even if two begin in the same second with the same
 * seed. Throws CommandFailure when it cannot be made.
 */
export function makeRunFolder(out: string, seed: number): string {
  const stamp = new Date().toISOString().replaceAll(/[:.]/gu, '-').slice(0, 19);
  const name = `${stamp}Z-seed-${seed}`;
  try {
    makeAll(resolve(out));
    for (let number = 1; ; number += 1) {
      const folder = join(out, number === 1 ? name : `${name}-${number}`);
      if (make(folder)) return folder;
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(ExitCode.usage, `cannot write to ${out}: ${why}`);
  }
}

/** One folder after the other: for a whole path at once in /proc, Node.js loops forever. */
function makeAll(path: string): void {
  const parent = dirname(path);
  if (parent === path) return;
  makeAll(parent);
  make(path);
}

/** Returns false if it exists already. */
function make(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
