import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ownPrograms } from '../../../regions/supervisor/embedded/cluster.ts';
import { checkout } from '../../../regions/topology/layout.ts';
import type { Programs } from '../../../regions/supervisor/embedded/region-processes.ts';

export interface ProgramOptions {
  /** Where the clocks of the servers are, see skewed-clock.ts. */
  readonly clocks: string;
  /** The deliberate bug that the servers have; undefined: none. */
  readonly bug?: string | undefined;
}

/**
 * Writes the entry files of an installation that is started for a run: a ledger server and a
 * router whose wall clocks can be shifted, and which have a deliberate bug if one is asked for.
 * What they start is what ships, which knows of neither.
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

/** Imported one after the other: a module that keeps `Date` for itself must find the shifted one. */
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
