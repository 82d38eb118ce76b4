import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { expect, onTestFinished, test } from 'vitest';
import { BookMember } from '../../ledger/member/book-member.ts';
import { Leaders } from '../../ledger/rpc/leaders.ts';
import { migrate } from '../../ledger/store/postgres/migrate.ts';
import { BOOKS, SILENT } from '../../ledger/testing/database/leading.ts';
import { findFreeBase } from '../processes/ports.ts';
import { type DatabaseUrls, type PostgresServer, startPostgres } from './postgres.ts';
import { processIdentity } from '../processes/process-identity.ts';
import { probeRedis, probeTcp } from '../processes/probes.ts';
import { hasRedis, startRedis } from './redis.ts';
import { testFolder } from '../testing/folder.ts';
import { PostgresDatabase } from '../../ledger/store/postgres/postgres-store.ts';
import { insecureLinks } from '../../ledger/rpc/tls/credentials.ts';

const passwords = { postgres: 'one-secret', ledger: 'two-secret', auditor: 'three-secret' };

async function start(folder: string, port: number): Promise<PostgresServer & DatabaseUrls> {
  const server = await startPostgres({
    name: 'test/postgres',
    directory: join(folder, 'postgres'),
    port,
    databases: ['eu_west_1'],
    passwords,
    logFile: join(folder, 'postgres.log'),
    pidFile: join(folder, 'postgres.pid'),
  });
  onTestFinished(() => server.process.stop());
  return { ...server, ...server.urls('eu_west_1') };
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

test('committed data survives kill -9, on the same port, and a new start', async () => {
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
  // A pid of the same user would make Postgres refuse; the pid of this test serves as one.
  const stranger = spawn('sleep', ['60'], {
    uid: statSync(join(folder, 'postgres')).uid,
  });
  onTestFinished(() => void stranger.kill());
  writeFileSync(join(folder, 'postgres', 'postmaster.pid'), `${stranger.pid}\n/x\n`);
  await start(folder, port);
  expect(stranger.exitCode).toBeNull();
});

test('a Postgres without a supervisor is stopped before a new one starts', async () => {
  const folder = testFolder();
  const port = await findFreeBase(1);
  const first = await start(folder, port);
  await first.process.stop();
  const { command, args, env, runAs } = first.process.spec;
  const orphan = spawn(command, args, { env, cwd: '/', stdio: 'ignore', detached: true, ...runAs });
  onTestFinished(() => void orphan.kill('SIGKILL'));
  await expect.poll(() => probeTcp({ host: '127.0.0.1', port })).toBe(true);
  const second = await start(folder, port);
  expect(processIdentity(orphan.pid ?? 0)).toBeUndefined();
  expect(await query(second.adminUrl, (sql) => sql`SELECT 1`)).toHaveLength(1);
});

test('an interrupted initialisation is repeated', async () => {
  const folder = testFolder();
  writeFileSync(join(folder, 'postgres.password'), 'from a start that was killed');
  writeFileSync(join(folder, 'postgres.new'), '');
  const server = await start(folder, await findFreeBase(1));
  expect(await query(server.adminUrl, (sql) => sql`SELECT 1`)).toHaveLength(1);
});

test('a Postgres that cannot start reports its own error message', async () => {
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
  await expect.poll(() => probeRedis(server.url)).toBe(true);
  expect(await probeRedis(server.url.replace('redis-secret', 'guess'))).toBe(false);
  expect(readFileSync(`/proc/${server.process.pid}/cmdline`, 'utf8')).not.toContain('secret');
  server.process.kill('SIGKILL');
  await server.process.waitReady(30_000);
  await expect.poll(() => probeRedis(server.url)).toBe(true);
});

const inDatabase = (url: string, name: string) => url.replace('/eu_west_1', `/${name}`);

test('an auditor takes no more than a share, and writes nothing in any database', async () => {
  const folder = testFolder();
  const server = await start(folder, await findFreeBase(1));
  await migrate(server.adminUrl);
  for (const name of ['postgres', 'template1']) {
    const refused = query(inDatabase(server.auditorUrl, name), (sql) => sql`SELECT 1`);
    await expect(refused).rejects.toMatchObject({ code: '42501' });
    const rights = await query(
      inDatabase(server.adminUrl, name),
      (sql) => sql`
        SELECT has_database_privilege('auditor', ${name}, 'TEMPORARY') AS temporary,
          has_function_privilege('auditor', 'lo_create(oid)', 'EXECUTE') AS large`,
    );
    expect(rights[0]).toEqual({ temporary: false, large: false });
  }
  for (const write of ['CREATE TEMPORARY TABLE t (n int)', 'SELECT lo_create(0)']) {
    const refused = query(server.auditorUrl, (sql) => sql.unsafe(write));
    await expect(refused).rejects.toMatchObject({ code: '42501' });
  }
  const [limits] = await query(
    server.auditorUrl,
    (sql) => sql`
      SELECT current_setting('statement_timeout') AS statement,
        current_setting('idle_in_transaction_session_timeout') AS idle,
        current_setting('lock_timeout') AS lock, current_setting('temp_file_limit') AS files`,
  );
  expect(limits).toEqual({ statement: '10min', idle: '5min', lock: '10s', files: '1GB' });
  const raised = query(server.auditorUrl, (sql) => sql`SET temp_file_limit = -1`);
  await expect(raised).rejects.toMatchObject({ code: '42501' });
});

test('a book is taken over while an auditor holds all connections that it gets', async () => {
  const folder = testFolder();
  const server = await start(folder, await findFreeBase(1));
  await migrate(server.adminUrl);
  const greedy = Array.from({ length: 60 }, () =>
    postgres(server.auditorUrl, { max: 1, onnotice: () => {} }),
  );
  onTestFinished(async () => {
    await Promise.all(greedy.map((sql) => sql.end({ timeout: 0 })));
  });
  const held: postgres.Sql[] = [];
  for (const sql of greedy) {
    await sql`SELECT 1`.then(
      () => held.push(sql),
      () => undefined,
    );
  }
  expect(held.length).toBeGreaterThan(5);
  expect(held.length).toBeLessThan(30);
  for (const sql of held) {
    sql`SELECT pg_sleep(60) FROM head`.catch(() => undefined);
  }
  const [book] = BOOKS;
  const config = {
    book,
    books: BOOKS,
    address: 'a:1',
    database: new PostgresDatabase(server.ledgerUrl, book),
    redisUrl: undefined,
    serverRegion: book.region,
    replicated: false,
  };
  for (const epoch of [1, 2]) {
    const member = new BookMember(config, new Leaders([], insecureLinks), SILENT);
    const running = member.run();
    await expect.poll(() => member.status.epoch).toBe(epoch);
    member.stop();
    await running;
  }
});

test('an installation of an older version has the limits from its next start on', async () => {
  const folder = testFolder();
  const port = await findFreeBase(1);
  const first = await start(folder, port);
  await query(first.adminUrl, async (sql) => {
    await sql`ALTER ROLE auditor RESET ALL`;
    await sql`ALTER ROLE auditor CONNECTION LIMIT -1`;
    await sql`GRANT CONNECT, TEMPORARY ON DATABASE postgres TO PUBLIC`;
  });
  await first.process.stop();
  const again = await start(folder, port);
  const [row] = await query(
    again.adminUrl,
    (sql) => sql`
      SELECT rolconnlimit > 0 AS limited, cardinality(setting.setconfig) AS settings,
        has_database_privilege('auditor', 'postgres', 'CONNECT, TEMPORARY') AS reaches
        FROM pg_roles JOIN pg_db_role_setting AS setting ON setting.setrole = pg_roles.oid
       WHERE rolname = 'auditor'`,
  );
  expect(row).toEqual({ limited: true, settings: 5, reaches: false });
});
