import { execFile } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type PostgresPrograms, requireEntry } from './postgres-binaries.ts';

/** The data directory of a book's Postgres, and what the server is started with. */

const run = promisify(execFile);
export const SUPERUSER = 'postgres';

/**
 * max_locks_per_transaction. A statement over the whole journal takes 17 locks for each partition while
 * it is planned: with the default of 64, a few of them at once fail among 100 partitions.
 */
export const LOCKS_PER_TRANSACTION = 1_024;

/** Parameters that keep commits from waiting for pages and files that nothing needs yet. */
export const steadyWrites = {
  checkpoint_completion_target: '0.9',
  // What is written goes to the disk at once. Otherwise the kernel collects it for seconds, and each
  // commit waits behind a hundred megabytes.
  backend_flush_after: '1MB',
} as const;

const settings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  // A connection that never logs in holds its place no longer than that.
  authentication_timeout: '10s',
  // An acknowledged transfer is on disk: none of these three may ever be relaxed.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  wal_buffers: '16MB',
  // Indexes that are built in bulk are written as full pages. This Postgres has pglz alone.
  wal_compression: 'on',
  ...steadyWrites,
  // The ledger's statements are short; compiling them costs more than running them.
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %q%u@%d ',
  logging_collector: 'off',
  password_encryption: 'scram-sha-256',
};

/** What depends on the machine that a Postgres runs on. */
export interface PostgresTuning {
  /** max_connections */
  readonly connections: number;
  /** shared_buffers */
  readonly buffersMib: number;
  /** max_wal_size; an eighth of it is kept for the next journal */
  readonly walMib: number;
  /** checkpoint_timeout */
  readonly checkpointSeconds: number;
}

const defaultTuning: PostgresTuning = {
  // About ten for each of up to seven books, 20 for auditors, and what Postgres reserves.
  connections: 100,
  buffersMib: 128,
  // Checkpoints are rare, so that few pages are written to the journal in full.
  walMib: 4_096,
  checkpointSeconds: 900,
};

/** The parameters of Postgres that have these values. */
export function tunedParameters(tuning: Omit<PostgresTuning, 'connections'>) {
  return {
    shared_buffers: `${tuning.buffersMib}MB`,
    max_wal_size: `${tuning.walMib}MB`,
    checkpoint_timeout: `${tuning.checkpointSeconds}s`,
  };
}

export interface DataDirectoryOptions {
  /** Of the superuser. */
  readonly password: string;
  /** The environment of initdb. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The arguments of a `postgres` process. */
export function postgresArguments(
  directory: string,
  port: number,
  tuning: PostgresTuning = defaultTuning,
): string[] {
  const all = {
    ...settings,
    max_connections: String(tuning.connections),
    max_locks_per_transaction: String(LOCKS_PER_TRANSACTION),
    ...tunedParameters(tuning),
    min_wal_size: `${Math.ceil(tuning.walMib / 8)}MB`,
  };
  const pairs = Object.entries(all).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  return ['-D', directory, '-p', String(port), ...pairs];
}

/** A failed child process with what it printed. */
function explainExec(error: unknown, what: string): Error {
  const printed =
    error instanceof Error && 'stderr' in error && typeof error.stderr === 'string'
      ? error.stderr.trim().split('\n').slice(-5).join('\n  ')
      : String(error);
  return new Error(`${what} failed:\n  ${printed}`, { cause: error });
}

/**
 * Creates the data directory if there is none. It is made under another name and renamed when it
 * is complete, so a start that was cut off leaves nothing that looks like a database.
 */
export async function makeDataDirectory(
  directory: string,
  { password, env }: DataDirectoryOptions,
  programs: PostgresPrograms,
): Promise<void> {
  if (existsSync(join(directory, 'PG_VERSION'))) return;
  const { runAs } = programs;
  requireEntry(runAs, dirname(directory));
  const draft = `${directory}.new`;
  const passwordFile = `${directory}.password`;
  rmSync(draft, { recursive: true, force: true });
  rmSync(passwordFile, { force: true });
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
  if (runAs !== undefined) {
    chownSync(draft, runAs.uid, runAs.gid);
    chownSync(passwordFile, runAs.uid, runAs.gid);
  }
  const flags = ['--pgdata', draft, '--username', SUPERUSER, '--pwfile', passwordFile];
  flags.push('--encoding=UTF8', '--locale=C', '--auth=scram-sha-256', '--data-checksums');
  flags.push('--no-instructions');
  try {
    await run(programs.initdb, flags, {
      cwd: '/',
      env: { ...env },
      ...(runAs === undefined ? {} : { uid: runAs.uid, gid: runAs.gid }),
    });
    renameSync(draft, directory);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw explainExec(error, `initialising the database ${directory}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}
