import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDatabase } from '../../ledger/postgres/book-database.ts';
import {
  makeDataDirectory,
  postgresArguments,
  type PostgresTuning,
  SUPERUSER,
} from '../../ledger/postgres/data-directory.ts';
import { childEnvironment } from '../processes/environment.ts';
import { stopByPid } from '../processes/leftovers.ts';
import {
  findPostgres,
  type PostgresPrograms,
  requireEntry,
} from '../../ledger/postgres/postgres-binaries.ts';
import { commandLine, processIdentity } from '../processes/process-identity.ts';
import { probePostgres } from '../processes/probes.ts';
import { SupervisedProcess, type ProcessSpec } from '../processes/supervised-process.ts';

/** One embedded Postgres: its data directory, its process, its roles and a database for each book. */

/** Long enough for a fast shutdown to write a checkpoint of a busy book. */
const graceMs = 60_000;
/** Default of `startSeconds`. */
const START_SECONDS = 300;

export interface PostgresOptions {
  /** For example eu-west/postgres. */
  readonly name: string;
  /** The data directory, a folder of its own; created if it is not there. */
  readonly directory: string;
  readonly port: number;
  /** One for each book; created if missing, with the roles meridian_ledger and auditor. */
  readonly databases: readonly string[];
  readonly passwords: {
    readonly postgres: string;
    readonly ledger: string;
    readonly auditor: string;
  };
  readonly logFile: string;
  readonly pidFile: string;
  readonly stage?: number;
  /** Default: as for a machine of its own. */
  readonly tuning?: PostgresTuning | undefined;
  /** How long it may take to serve, default 300: crash recovery reads up to `tuning.walMib`. */
  readonly startSeconds?: number | undefined;
  readonly logBytes?: number | undefined;
  /** Where the programs are; looked up when left out. */
  readonly programs?: PostgresPrograms;
  readonly onState?: ProcessSpec['onState'];
}

/** Where a book's database is reached. */
export interface DatabaseUrls {
  /** As the superuser. */
  readonly adminUrl: string;
  /** As meridian_ledger. */
  readonly ledgerUrl: string;
  readonly auditorUrl: string;
}

export interface PostgresServer {
  readonly process: SupervisedProcess;
  readonly port: number;
  /** The URLs of a database, which need not exist yet. */
  urls(database: string): DatabaseUrls;
  /** Starts the process, then makes the databases and the roles where they are missing. */
  start(): Promise<void>;
  /** Makes one more database, if missing, while the server runs. */
  addDatabase(database: string): Promise<void>;
}

function serverEnvironment(): Record<string, string> {
  return childEnvironment({ LANG: 'C', LC_ALL: 'C', TZ: 'UTC' });
}

/** True when the system knows the pid, even if only as a zombie that was not reaped. */
function isKnownPid(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

/**
 * After kill -9 the lock file of Postgres stays behind. Postgres detects that its process is
 * gone, unless the system still knows the pid: because it was given to another program, or
 * because the first process of a container does not reap zombies. Then it would refuse
 * permanently, so the file is removed; Postgres still finds running children of the old server
 * through the shared memory that belongs to the directory. A live server of ours without a
 * supervisor is stopped first.
 */
async function clearStaleLock(directory: string): Promise<void> {
  const path = join(directory, 'postmaster.pid');
  let pid: number;
  try {
    pid = Number(readFileSync(path, 'utf8').split('\n', 1)[0]);
  } catch {
    return;
  }
  if (!Number.isInteger(pid) || pid <= 0) return;
  const identity = processIdentity(pid);
  if (identity !== undefined && commandLine(pid).includes(directory)) {
    await stopByPid(pid, identity, { stopSignal: 'SIGINT', graceMs });
  }
  if (isKnownPid(pid)) rmSync(path, { force: true });
}

/** The login URL of a role; the passwords are base64url, so they need no escaping. */
function loginUrl(options: PostgresOptions, role: string, password: string, database: string) {
  const login = `${role}:${encodeURIComponent(password)}`;
  return `postgres://${login}@127.0.0.1:${options.port}/${database}`;
}

/** The process to supervise. The data directory must have been initialised. */
function describeProcess(options: PostgresOptions, programs: PostgresPrograms): ProcessSpec {
  const { directory, port } = options;
  const probeUrl = loginUrl(options, SUPERUSER, options.passwords.postgres, 'postgres');
  return {
    name: options.name,
    command: programs.postgres,
    args: postgresArguments(directory, port, options.tuning),
    env: serverEnvironment(),
    cwd: '/',
    runAs: programs.runAs && { uid: programs.runAs.uid, gid: programs.runAs.gid },
    logFile: options.logFile,
    pidFile: options.pidFile,
    logBytes: options.logBytes,
    stage: options.stage ?? 3,
    // "Fast" shutdown. SIGTERM would wait for every client to leave.
    stopSignal: 'SIGINT',
    graceMs,
    readyTimeoutMs: (options.startSeconds ?? START_SECONDS) * 1_000,
    probe: () => probePostgres(probeUrl),
    prepare: () => clearStaleLock(directory),
    ...(options.onState === undefined ? {} : { onState: options.onState }),
  };
}

/**
 * Initialises the data directory if need be and describes the server, without starting it, so
 * that its process can be stopped while it starts. `startPostgres` does the rest.
 */
export async function preparePostgres(options: PostgresOptions): Promise<PostgresServer> {
  const programs = options.programs ?? (await findPostgres([options.directory]));
  const { directory } = options;
  const data = { password: options.passwords.postgres, env: serverEnvironment() };
  await makeDataDirectory(directory, data, programs);
  requireEntry(programs.runAs, directory);
  const { passwords, databases, port } = options;
  const supervised = new SupervisedProcess(describeProcess(options, programs));
  const addDatabase = (database: string) => {
    const url = loginUrl(options, SUPERUSER, passwords.postgres, 'postgres');
    return ensureDatabase(url, database, passwords);
  };
  return {
    process: supervised,
    port,
    urls: (database) => ({
      adminUrl: loginUrl(options, SUPERUSER, passwords.postgres, database),
      ledgerUrl: loginUrl(options, 'meridian_ledger', passwords.ledger, database),
      auditorUrl: loginUrl(options, 'auditor', passwords.auditor, database),
    }),
    start: async () => {
      await supervised.start();
      // One after the other: they share the roles.
      for (const database of databases) await addDatabase(database);
    },
    addDatabase,
  };
}

/**
 * Starts one Postgres and keeps it running; initialises its data directory, databases and roles
 * where they are missing. Stop it with `process.stop()`.
 * Throws an Error that states what to do when there are no programs for this machine, when no user
 * can run them, or when it does not come up (the end of its log is quoted).
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const server = await preparePostgres(options);
  try {
    await server.start();
  } catch (error) {
    await server.process.stop();
    throw error;
  }
  return server;
}
