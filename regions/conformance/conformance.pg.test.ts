import { execFile } from 'node:child_process';
import path from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { connect } from '../../ledger/store/postgres/connect.ts';
import { checkDatabase } from './check-database.ts';

const MAIN = path.join(import.meta.dirname, 'main.ts');

const servers = inject('servers');

/** The server of the tests, in another database or as another role. */
function urlAs(fields: { user?: string; port?: string }): URL {
  const url = new URL(servers.adminUrl);
  url.pathname = '/postgres';
  if (fields.user !== undefined) url.username = fields.user;
  if (fields.port !== undefined) url.port = fields.port;
  return url;
}

/**
 * Makes a role for one test, and a database that it connects to: rights to the databases that all
 * tests share are also changed by others meanwhile.
 */
async function withRole(name: string, settings: string): Promise<URL> {
  const admin = connect(urlAs({}).href, 1);
  const url = urlAs({ user: name });
  const entry = `entry_of_${name}`;
  url.pathname = `/${entry}`;
  await admin.unsafe(`CREATE ROLE ${name} LOGIN PASSWORD '${url.password}'`);
  await admin.unsafe(`CREATE DATABASE ${entry} TEMPLATE template0`);
  await admin.unsafe(`ALTER ROLE ${name} ${settings}`);
  onTestFinished(async () => {
    await admin.unsafe(`DROP DATABASE ${entry} WITH (FORCE)`);
    await admin.unsafe(`DROP ROLE ${name}`);
    await admin.end();
  });
  return url;
}

const silent = {
  contract: false,
  loadMs: 200,
  pauseMs: 30_000,
  onFinding: () => {},
  onCheck: () => {},
};

/** Runs the command. The password goes through the environment. */
function run(url: URL, ...args: string[]): Promise<{ code: unknown; out: string; err: string }> {
  const { password } = url;
  const bare = new URL(url);
  bare.password = '';
  const env = { ...process.env, PGPASSWORD: password };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [MAIN, '--database', bare.href, ...args],
      { env },
      (error, out, err) => resolve({ code: error === null ? 0 : error.code, out, err }),
    );
  });
}

async function databases(): Promise<string[]> {
  const admin = connect(urlAs({}).href, 1);
  const rows = await admin<{ datname: string }[]>`
    SELECT datname FROM pg_database WHERE datname LIKE 'meridian_conformance%'`;
  await admin.end();
  return rows.map(({ datname }) => datname);
}

test(
  'the Postgres of the tests can hold books, and nothing is left in it',
  { timeout: 180_000 },
  async () => {
    const { holds, findings, left } = await checkDatabase({ ...silent, url: urlAs({}).href });
    expect(findings.filter(({ verdict }) => verdict !== 'passed')).toMatchObject([
      { check: 'a second copy', verdict: 'advice' },
      { check: 'TLS', verdict: 'advice' },
    ]);
    expect(holds).toBe(true);
    expect(left).toBe('');
    const figures = Object.assign({}, ...findings.map((finding) => finding.figures));
    for (const name of ['p50Ms', 'p99Ms', 'rowsPerSecond', 'longestMs']) {
      expect(figures).toHaveProperty(
        name,
        expect.toSatisfy((figure: number) => figure > 0),
      );
    }
    expect(await databases()).toEqual([]);
  },
);

test('a role that may not create databases is reported, and what builds on it is not checked', async () => {
  const url = await withRole('conformance_reader', 'NOCREATEDB');
  const { code, out } = await run(url, '--json', '--no-contract');
  expect(code).toBe(1);
  const { holds, findings } = JSON.parse(out);
  expect(holds).toBe(false);
  expect(findings).toContainEqual({
    check: 'role',
    verdict: 'lacks',
    text: 'the role that was given lacks CREATEDB and CREATEROLE',
  });
  expect(findings.at(-1)).toMatchObject({ check: 'rows', verdict: 'not checked' });
  expect(await databases()).toEqual([]);
});

test(
  'a server that may lose what it has committed cannot hold books',
  { timeout: 180_000 },
  async () => {
    const url = await withRole('conformance_careless', 'SUPERUSER');
    const admin = connect(urlAs({}).href, 1);
    await admin`ALTER ROLE conformance_careless SET synchronous_commit = off`;
    await admin.end();
    const { holds, findings } = await checkDatabase({ ...silent, url: url.href });
    expect(holds).toBe(false);
    const lacking = findings.filter(({ verdict }) => verdict === 'lacks');
    expect(lacking).toMatchObject([{ check: 'durability' }]);
    expect(lacking[0]?.text).toContain('synchronous_commit = off');
  },
);

test('wrong usage, and a server that cannot be reached, have exit codes of their own', async () => {
  expect(await run(urlAs({}), '--nothing')).toMatchObject({ code: 2, out: '' });
  const gone = await run(urlAs({ port: '1' }));
  expect(gone).toMatchObject({
    code: 3,
    out: '',
    err: expect.stringContaining('cannot be reached'),
  });
  expect(gone.err).not.toContain(urlAs({}).password);
});
