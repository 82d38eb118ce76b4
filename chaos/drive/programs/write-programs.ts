import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ownPrograms } from '../../../regions/supervisor/embedded/embedded-cluster.ts';
import { checkout } from '../../../regions/topology/layout.ts';
import type { Programs } from '../../../regions/supervisor/embedded/region-processes.ts';

export interface ProgramOptions {
  /** Folder of the clocks of the servers, see skewed-clock.ts. */
  readonly clocks: string;
  /** The deliberate bug that the servers have; undefined: none. */
  readonly bug?: string | undefined;
}

/**
 * Writes the entry files of an installation that is started for a run: a ledger server and a router
 * with wall clocks that can be shifted, and with a deliberate bug if one is requested. They start
 * the shipped programs, which contain neither.
 */
export function writePrograms(folder: string, options: ProgramOptions): Programs {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
  const write = (name: string, program: string): string => {
    const path = join(folder, `${name}.mjs`);
    writeFileSync(path, entryOf(program, options));
    chmodSync(path, 0o644);
    return path;
  };
  return {
    ledger: write('ledger', ownPrograms.ledger),
    router: write('router', ownPrograms.router),
    migrate: ownPrograms.migrate,
  };
}

const url = (...path: string[]) => JSON.stringify(pathToFileURL(join(...path)).href);

/** Imported in this order: a module that stores `Date` must get the shifted one. */
function entryOf(program: string, { clocks, bug }: ProgramOptions): string {
  const lines = [
    `const clock = await import(${url(checkout, 'chaos', 'drive', 'programs', 'skewed-clock.ts')});`,
    `clock.installSkewedClock(clock.ownClockFile(${JSON.stringify(clocks)}, process.env));`,
  ];
  if (bug !== undefined) {
    lines.push(
      `const bugs = await import(${url(checkout, 'chaos', 'drive', 'deliberate-bugs', 'install.ts')});`,
      `await bugs.installBug(${JSON.stringify(bug)});`,
    );
  }
  return [...lines, `await import(${url(program)});`, ''].join('\n');
}
