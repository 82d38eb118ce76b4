import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../processes/environment.ts';
import { checkout } from '../../topology/layout.ts';

/** The programs of the distribution that the replicated profile runs on, and their versions. */

export interface ReplicatedPrograms {
  readonly etcd: string;
  /** The interpreter that the distribution's Patroni is installed for. */
  readonly python: string;
  /** For example 3.0.2. */
  readonly patroniVersion: string;
  /** The folder with postgres, initdb, pg_basebackup and pg_rewind. */
  readonly postgresBin: string;
  /** Makes a hosts file of its own apply to one process and its children. */
  readonly hostsLibrary: string;
}

/** The names of the packages on Debian and its descendants. */
export const packageNames = ['etcd-server', 'patroni', 'postgresql', 'libnss-wrapper'] as const;

const postgresHome = '/usr/lib/postgresql';
const libraryFolders = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
];

/** The newest Postgres of the distribution. */
function findPostgresBin(): string | undefined {
  if (!existsSync(postgresHome)) return undefined;
  const versions = readdirSync(postgresHome)
    .filter((name) => /^\d+$/u.test(name))
    .toSorted((a, b) => Number(b) - Number(a));
  return versions
    .map((version) => join(postgresHome, version, 'bin'))
    .find((folder) => isExecutable(join(folder, 'postgres')));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function versionOf(patroni: string): string {
  const result = spawnSync(patroni, ['--version'], { encoding: 'utf8', cwd: '/' });
  const version = /\d+(?:\.\d+)+/u.exec(result.stdout ?? '')?.[0];
  if (version === undefined) throw new Error(`${patroni} does not run: ${result.stderr}`);
  return version;
}

/** The names of the missing packages; none if the profile can run. */
export function missingPackages(): string[] {
  if (process.platform !== 'linux') return [...packageNames];
  const found = {
    'etcd-server': findProgram('etcd'),
    patroni: findProgram('patroni'),
    postgresql: findPostgresBin(),
    'libnss-wrapper': findHostsLibrary(),
  };
  return packageNames.filter((name) => found[name] === undefined);
}

function findHostsLibrary(): string | undefined {
  return libraryFolders
    .map((folder) => join(folder, 'libnss_wrapper.so'))
    .find((path) => existsSync(path));
}

/** Throws an Error that names the missing packages and states how to get them. */
export function findPrograms(): ReplicatedPrograms {
  const etcd = findProgram('etcd');
  const patroni = findProgram('patroni');
  const postgresBin = findPostgresBin();
  const hostsLibrary = findHostsLibrary();
  const complete = etcd && patroni && postgresBin && hostsLibrary;
  if (process.platform === 'linux' && complete) {
    return {
      etcd,
      python: '/usr/bin/python3',
      patroniVersion: versionOf(patroni),
      postgresBin,
      hostsLibrary,
    };
  }
  if (process.platform !== 'linux') {
    throw new Error('the replicated profile runs on Linux: it needs the addresses 127.77.*.*');
  }
  const missing = missingPackages().join(' ');
  throw new Error(
    `the replicated profile needs packages that are not installed: ${missing}; ` +
      `install them, on Debian with "apt-get install ${missing}"`,
  );
}

/**
 * Installs missing packages if this user may; prints its steps to standard error. An installed
 * package has no set-up and installs nothing: `findPrograms` names what is missing.
 */
export function installPackages(): void {
  if (missingPackages().length === 0) return;
  const setup = join(checkout, 'regions', 'setup.mjs');
  if (!existsSync(setup)) return;
  spawnSync(process.execPath, [setup, 'replicated'], { stdio: ['inherit', 2, 2] });
}
