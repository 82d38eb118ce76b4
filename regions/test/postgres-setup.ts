import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../ledger/store/migrate.ts';
import type { TestServers } from '../../ledger/test/database.ts';
import { childEnvironment } from '../local/environment.ts';
import { findFreeBase } from '../local/ports.ts';
import { startPostgres } from '../local/postgres.ts';
import { startRedis } from '../local/redis.ts';

/**
 * Starts one Postgres and one Redis for all tests of the `pg` project, and makes the template
 * that each test clones (ledger/test/database.ts). What failed tests leave behind is kept.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'meridian-pg-'));
  chmodSync(folder, 0o711);
  const template = 'meridian_template';
  const port = await findFreeBase(2);
  const server = await startPostgres({
    name: 'test/postgres',
    directory: join(folder, 'postgres'),
    port,
    database: template,
    passwords: { postgres: 'test-owner', ledger: 'test-ledger', auditor: 'test-auditor' },
    logFile: join(folder, 'postgres.log'),
    pidFile: join(folder, 'postgres.pid'),
  });
  const redis = await startRedis({
    name: 'test/redis',
    directory: join(folder, 'redis'),
    port: port + 1,
    password: 'test-redis',
    logFile: join(folder, 'redis.log'),
    pidFile: join(folder, 'redis.pid'),
  });
  const guard = startGuard(folder);
  await migrate(server.adminUrl);
  await stopAutovacuum(server.adminUrl);
  const servers: TestServers = {
    template,
    adminUrl: server.adminUrl,
    ledgerUrl: server.ledgerUrl,
    auditorUrl: server.auditorUrl,
    redisUrl: redis?.url ?? '',
  };
  project.provide('servers', servers);
  return async () => {
    const kept = await clones(server.adminUrl, template);
    await redis?.process.stop();
    await server.process.stop();
    guard.stdin?.end();
    if (kept.length === 0) rmSync(folder, { recursive: true, force: true });
    else process.stderr.write(`databases of failed tests: ${kept.join(', ')} in ${folder}\n`);
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

/** A process that stops the servers even if this one is killed. */
function startGuard(folder: string) {
  const script = join(import.meta.dirname, '..', 'local', 'guard.ts');
  const flags = ['--disable-warning=ExperimentalWarning', script];
  const guard = spawn(process.execPath, [...flags, folder, String(process.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: childEnvironment(),
    cwd: '/',
    detached: true,
  });
  guard.on('error', () => undefined);
  guard.unref();
  return guard;
}

async function clones(adminUrl: string, template: string): Promise<string[]> {
  const sql = postgres(adminUrl, { max: 1 });
  try {
    const rows = await sql<{ datname: string }[]>`
      SELECT datname FROM pg_database WHERE datname LIKE ${`${template}\\_%`}`;
    return rows.map(({ datname }) => datname);
  } finally {
    await sql.end();
  }
}
