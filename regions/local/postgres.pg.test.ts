import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { expect, onTestFinished, test } from 'vitest';
import { findFreeBase } from './ports.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { processIdentity } from './process-identity.ts';
import { probeRedis, probeTcp } from './probes.ts';
import { hasRedis, startRedis } from './redis.ts';
import { testFolder } from './test/folder.ts';

const passwords = { postgres: 'one-secret', ledger: 'two-secret', auditor: 'three-secret' };

async function start(folder: string, port: number): Promise<PostgresServer> {
  const server = await startPostgres({
    name: 'test/postgres',
    directory: join(folder, 'postgres'),
    port,
    database: 'eu_west_1',
    passwords,
    logFile: join(folder, 'postgres.log'),
    pidFile: join(folder, 'postgres.pid'),
  });
  onTestFinished(() => server.process.stop());
  return server;
}

async function query<T>(url: string, ask: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await ask(sql);
  } finally {
    await sql.end();
  }
}

test('a new Postgres has the settings, the database and the roles of a book', async () => {
  const folder = testFolder();
  const server = await start(folder, await findFreeBase(1));
  const settings = await query(
    server.adminUrl,
    (sql) => sql`
      SELECT current_setting('fsync') AS fsync, current_setting('data_checksums') AS sums,
        current_setting('server_encoding') AS encoding, current_setting('lc_collate', true) AS lc,
        current_setting('unix_socket_directories') AS sockets,
        (SELECT datcollate FROM pg_database WHERE datname = current_database()) AS collation`,
  );
  expect(settings[0]).toMatchObject({
    fsync: 'on',
    sums: 'on',
    encoding: 'UTF8',
    sockets: '',
    collation: 'C',
  });
  for (const url of [server.ledgerUrl, server.auditorUrl]) {
    const [row] = await query(
      url,
      (sql) => sql`
        SELECT current_database() AS db, rolsuper FROM pg_roles WHERE rolname = current_user`,
    );
    expect(row).toEqual({ db: 'eu_west_1', rolsuper: false });
  }
  const wrong = server.adminUrl.replace('one-secret', 'no-secret');
  await expect(query(wrong, (sql) => sql`SELECT 1`)).rejects.toThrow(/password authentication/u);
  expect(existsSync(join(folder, 'postgres.password'))).toBe(false);
  expect(statSync(join(folder, 'postgres')).mode & 0o777).toBe(0o700);
});

test('what was committed survives kill -9, on the same port, and a new start', async () => {
  const folder = testFolder();
  const port = await findFreeBase(1);
  const server = await start(folder, port);
  await query(server.adminUrl, (sql) => sql`CREATE TABLE t AS SELECT 7 AS n`);
  const before = server.process.pid;
  for (let round = 0; round < 3; round += 1) {
    server.process.kill('SIGKILL');
    await server.process.waitReady(30_000);
    const rows = await query(server.adminUrl, (sql) => sql`SELECT n FROM t`);
    expect(rows[0]).toEqual({ n: 7 });
  }
  expect(server.process.pid).not.toBe(before);
  await server.process.stop();
  expect(existsSync(join(folder, 'postgres.pid'))).toBe(false);
  const again = await start(folder, port);
  expect(await query(again.adminUrl, (sql) => sql`SELECT n FROM t`)).toHaveLength(1);
});

test('a lock file whose pid now belongs to another program does not hold it up', async () => {
  const folder = testFolder();
  const port = await findFreeBase(1);
  const first = await start(folder, port);
  await first.process.stop();
  // A pid of the same user would make Postgres refuse; ours is as good a stranger as any.
  const stranger = spawn('sleep', ['60'], {
    uid: statSync(join(folder, 'postgres')).uid,
  });
  onTestFinished(() => void stranger.kill());
  writeFileSync(join(folder, 'postgres', 'postmaster.pid'), `${stranger.pid}\n/x\n`);
  await start(folder, port);
  expect(stranger.exitCode).toBeNull();
});

test('a Postgres that nobody supervises any more is stopped before a new one starts', async () => {
  const folder = testFolder();
  const port = await findFreeBase(1);
  const first = await start(folder, port);
  await first.process.stop();
  const { command, args, env, runAs } = first.process.spec;
  const orphan = spawn(command, args, { env, cwd: '/', stdio: 'ignore', detached: true, ...runAs });
  onTestFinished(() => void orphan.kill('SIGKILL'));
  await expect.poll(() => probeTcp({ host: '127.0.0.1', port }), { timeout: 10_000 }).toBe(true);
  const second = await start(folder, port);
  expect(processIdentity(orphan.pid ?? 0)).toBeUndefined();
  expect(await query(second.adminUrl, (sql) => sql`SELECT 1`)).toHaveLength(1);
});

test('an initialisation that was cut off is done again', async () => {
  const folder = testFolder();
  writeFileSync(join(folder, 'postgres.password'), 'from a start that was killed');
  writeFileSync(join(folder, 'postgres.new'), '');
  const server = await start(folder, await findFreeBase(1));
  expect(await query(server.adminUrl, (sql) => sql`SELECT 1`)).toHaveLength(1);
});

test('a Postgres that cannot start says why, in its own words', async () => {
  const folder = testFolder();
  const port = await findFreeBase(1);
  const first = await start(folder, port);
  await first.process.stop();
  writeFileSync(join(folder, 'postgres', 'PG_VERSION'), '9.1\n');
  await expect(start(folder, port)).rejects.toThrow(/incompatible[^]*postgres\.log/u);
});

test.skipIf(!hasRedis())('a Redis keeps to its password and comes back after kill -9', async () => {
  const folder = testFolder();
  const server = await startRedis({
    name: 'test/redis',
    directory: join(folder, 'redis'),
    port: await findFreeBase(1),
    password: 'redis-secret',
    logFile: join(folder, 'redis.log'),
    pidFile: join(folder, 'redis.pid'),
  });
  if (server === undefined) throw new Error('redis-server was there a moment ago');
  onTestFinished(() => server.process.stop());
  expect(await probeRedis(server.url)).toBe(true);
  expect(await probeRedis(server.url.replace('redis-secret', 'guess'))).toBe(false);
  expect(readFileSync(`/proc/${server.process.pid}/cmdline`, 'utf8')).not.toContain('secret');
  server.process.kill('SIGKILL');
  await server.process.waitReady(10_000);
  await sleep(50);
  expect(await probeRedis(server.url)).toBe(true);
});
