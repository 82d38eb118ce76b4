import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { packageFolder } from './code.ts';

/**
 * What the processes of a local cluster inherit from the shell that started it. Besides
 * regions/server/config.ts this is the only reader of the environment: a child must not be steered by
 * settings that were meant for its parent (a test runner's NODE_OPTIONS, a PGHOST, ...).
 */

const notInherited = /^(NODE_OPTIONS|NODE_V8_COVERAGE|VITEST.*|npm_.*|PG.*|MERIDIAN_.*)$/iu;
const inheritedAnyway = new Set(['MERIDIAN_LOG_LEVEL']);

/**
 * Where compiled code is kept between two starts, in the checkout: what could be changed there
 * could change the code itself.
 */
export const compileCache = join(packageFolder, 'node_modules', '.cache', 'compiled');

/** Folders where package managers put servers, although they are not on every user's PATH. */
const moreFolders = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/opt/homebrew/bin'];

/** The environment for a child: what is inherited, then `settings`, which win. */
export function childEnvironment(settings: Record<string, string> = {}): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value === undefined) continue;
    if (notInherited.test(name) && !inheritedAnyway.has(name)) continue;
    env[name] = value;
  }
  return { ...env, ...settings };
}

/** The environment of a command, of which the settings of an installation are read. */
export const environment = (): Readonly<Record<string, string | undefined>> => process.env;

/** The password for databases whose URL has none; undefined: one of the password file. */
export const ownPassword = (): string | undefined => process.env['PGPASSWORD'];

/** The password file of libpq. */
export const ownPassfile = (): string => process.env['PGPASSFILE'] ?? join(homedir(), '.pgpass');

/** Passwords for roles that are made. */
export const newPasswords = () => ({
  ledger: process.env['MERIDIAN_LEDGER_PASSWORD'],
  auditor: process.env['MERIDIAN_AUDITOR_PASSWORD'],
});

/** The full path of the program `name`, or undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((part) => part !== '');
  for (const folder of [...folders, ...moreFolders]) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
