import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import getPort, { portNumbers } from 'get-port';
import postgres from 'postgres';
import { Redis } from 'ioredis';
import type { TestProject } from 'vitest/node';
import { ensureDatabase } from '../../postgres/book-database.ts';
import { makeDataDirectory, postgresArguments, SUPERUSER } from '../../postgres/data-directory.ts';
import { findPostgres } from '../../postgres/postgres-binaries.ts';
import { migrate } from '../../store/postgres/migrate.ts';
import { keepScratchFolder, makeScratchFolder } from '../scratch-folder.ts';
import type { TestServers } from './database.ts';

const TEMPLATE = 'meridian_template';
const READY_MS = 60_000;
const passwords = { postgres: 'test-owner', ledger: 'test-ledger', auditor: 'test-auditor' };

/**
 * Starts one Postgres and one Redis for all tests of the `pg` project, and makes the template
 * that each test clones (database.ts). What failed tests leave behind is kept.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const folder = makeScratchFolder('pg');
  const [port, redisPort] = [await freePort(), await freePort()];
  const server = await startPostgres(folder, port);
  const redis = await startRedis(folder, redisPort);
  const url = (role: string, password: string, database = TEMPLATE) =>
    `postgres://${role}:${password}@127.0.0.1:${port}/${database}`;
  const adminUrl = url(SUPERUSER, passwords.postgres);
  await ensureDatabase(url(SUPERUSER, passwords.postgres, 'postgres'), TEMPLATE, passwords);
  await migrate(adminUrl);
  await stopAutovacuum(adminUrl);
  await divideJournal(adminUrl);
  const servers: TestServers = {
    template: TEMPLATE,
    adminUrl,
    ledgerUrl: url('meridian_ledger', passwords.ledger),
    auditorUrl: url('auditor', passwords.auditor),
    redisUrl: redis?.url ?? '',
  };
  project.provide('servers', servers);
  return async () => {
    const kept = await clones(adminUrl);
    if (redis) await stop(redis.server, 'SIGTERM');
    // A fast shutdown: SIGTERM would wait for every client to leave.
    await stop(server, 'SIGINT');
    if (kept.length === 0) rmSync(folder, { recursive: true, force: true });
    else {
      const place = keepScratchFolder(folder);
      process.stderr.write(`databases of failed tests: ${kept.join(', ')} in ${place}\n`);
    }
  };
}

/**
 * Turns autovacuum off. Databases live for seconds here, and a worker that is in the template, on a
 * busy machine for seconds, makes every CREATE DATABASE fail.
 */
async function stopAutovacuum(adminUrl: string): Promise<void> {
  const sql = postgres(adminUrl, { max: 1 });
  try {
    await sql`ALTER SYSTEM SET autovacuum = off`;
    await sql`SELECT pg_reload_conf()`;
  } finally {
    await sql.end();
  }
}

/** The first rows of each test's book lie in small partitions, all the others in a large one. */
async function divideJournal(adminUrl: string): Promise<void> {
  const sql = postgres(adminUrl, { max: 1 });
  try {
    await sql`SELECT journal_start(10)`;
    for (const size of [10, 10, 10, 1_000_000])
      await sql`SELECT journal_add_partition(${size}, true)`;
  } finally {
    await sql.end();
  }
}

async function startPostgres(folder: string, port: number): Promise<Started> {
  const directory = join(folder, 'postgres');
  const programs = await findPostgres([directory]);
  await makeDataDirectory(directory, { password: passwords.postgres, env: {} }, programs);
  const { runAs } = programs;
  const user = runAs === undefined ? {} : { uid: runAs.uid, gid: runAs.gid };
  // The books of several test files are led at the same time.
  const args = [...postgresArguments(directory, port), '-c', 'max_connections=200'];
  const started = start(programs.postgres, args, join(folder, 'postgres.log'), user);
  const sql = postgres({
    host: '127.0.0.1',
    port,
    user: SUPERUSER,
    password: passwords.postgres,
    database: 'postgres',
    max: 1,
    onnotice: () => {},
  });
  try {
    await untilReady(started, () => sql`SELECT 1`);
  } finally {
    await sql.end({ timeout: 1 });
  }
  return started;
}

/** Undefined when no redis-server is installed. */
async function startRedis(folder: string, port: number) {
  const programs = ['', '/usr/local/bin/', '/usr/bin/', '/opt/homebrew/bin/'];
  const program = programs
    .map((place) => `${place}redis-server`)
    .find((path) => spawnSync(path, ['--version']).status === 0);
  if (program === undefined) return undefined;
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--requirepass', 'test-redis'];
  args.push('--dir', folder, '--save', '', '--appendonly', 'no');
  const started = start(program, args, join(folder, 'redis.log'), {});
  const url = `redis://:test-redis@127.0.0.1:${port}`;
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => 50 });
  redis.on('error', () => {});
  await untilReady(started, () => redis.ping()).finally(() => redis.disconnect());
  return { server: started, url };
}

interface Started {
  readonly process: ChildProcess;
  /** Kills it when this process ends, even by SIGKILL. */
  readonly guard: ChildProcess;
  readonly logFile: string;
}

function start(
  program: string,
  args: readonly string[],
  logFile: string,
  user: { readonly uid?: number; readonly gid?: number },
): Started {
  const log = openSync(logFile, 'a');
  const child = spawn(program, args, { cwd: '/', stdio: ['ignore', log, log], ...user });
  child.on('error', () => {});
  closeSync(log);
  return { process: child, guard: startGuard(child), logFile };
}

/** Throws Error with the end of the log when a server does not answer in time, or has ended. */
async function untilReady(server: Started, ask: () => PromiseLike<unknown>): Promise<void> {
  const until = performance.now() + READY_MS;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      const { exitCode, signalCode } = server.process;
      if (exitCode !== null || signalCode !== null || performance.now() > until) {
        const log = readFileSync(server.logFile, 'utf8').split('\n').slice(-10).join('\n');
        throw new Error(`a server of the tests does not start:\n${log}`, { cause: error });
      }
      await sleep(50);
    }
  }
}

async function stop({ process: child, guard }: Started, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }
  guard.kill('SIGKILL');
}

/** Waits for the end of its input, which only this process holds open. */
function startGuard({ pid }: ChildProcess): ChildProcess {
  const script = 'while read -r _; do :; done; kill -KILL "$1"';
  const guard = spawn('/bin/sh', ['-c', script, 'sh', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.on('error', () => {});
  guard.unref();
  return guard;
}

/** A port that is free now, from below the range that outgoing connections take theirs from. */
function freePort(): Promise<number> {
  const first = 10_000 + Math.floor(Math.random() * 19_000);
  return getPort({ host: '127.0.0.1', port: portNumbers(first, first + 1_000) });
}

async function clones(adminUrl: string): Promise<string[]> {
  const sql = postgres(adminUrl, { max: 1 });
  try {
    const rows = await sql<{ datname: string }[]>`
      SELECT datname FROM pg_database WHERE datname LIKE ${`${TEMPLATE}\\_%`}`;
    return rows.map(({ datname }) => datname);
  } finally {
    await sql.end();
  }
}
