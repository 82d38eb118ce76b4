import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test } from 'vitest';
import { connect } from '../../../ledger/store/postgres/connect.ts';
import { childEnvironment } from '../../processes/environment.ts';
import { checkout } from '../../topology/layout.ts';
import { withoutPassword } from '../../topology/passfile.ts';

/** Runs a program of ours; its output, and how it ended within 30 s. */
function run(env: Record<string, string>, program: string, ...args: string[]) {
  const path = join(checkout, 'regions', program);
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], {
    encoding: 'utf8',
    env: childEnvironment(env),
    timeout: 30_000,
  });
  return { status, out: stdout + stderr };
}

test('an empty database ends a server that names the command, which makes the book', async () => {
  const { adminUrl, ledgerUrl } = inject('servers');
  const database = `book_${randomUUID().replaceAll('-', '')}`;
  const at = (text: string, name = database) =>
    Object.assign(new URL(text), { pathname: `/${name}` }).href;
  // Not the template: while it is in use, no other test gets a database.
  const admin = connect(at(adminUrl, 'postgres'), 1);
  onTestFinished(async () => {
    await admin`DROP DATABASE IF EXISTS ${admin(database)} WITH (FORCE)`;
    await admin.end();
  });
  await admin`CREATE DATABASE ${admin(database)}`;
  const server = run(
    {
      MERIDIAN_REGION: 'eu-west',
      MERIDIAN_INSECURE: 'true',
      MERIDIAN_LISTEN: '127.0.0.1:0',
      MERIDIAN_LEDGERS: '127.0.0.1:1',
      MERIDIAN_BOOKS: '1:eu-west-1:eu-west',
      MERIDIAN_BOOK: '1',
      MERIDIAN_DATABASE_URL: at(ledgerUrl),
    },
    'server/ledger.ts',
  );
  expect(server).toMatchObject({ status: 1, out: expect.stringContaining('meridian book create') });

  await admin`DROP DATABASE ${admin(database)}`;
  const secret = { PGPASSWORD: decodeURIComponent(new URL(adminUrl).password) };
  const url = withoutPassword(at(adminUrl));
  for (const verb of ['create', 'create', 'migrate']) {
    const made = run(secret, 'main.ts', 'book', verb, '--database', url);
    expect(made).toMatchObject({ status: 0, out: expect.stringContaining(url) });
  }
  const book = connect(at(ledgerUrl), 1);
  expect(await book`SELECT current_user AS me, count(*)::int AS rows FROM journal`).toEqual([
    { me: 'meridian_ledger', rows: 0 },
  ]);
  await book.end();
  expect(run({}, 'main.ts', 'book', 'migrate', '--database', at(adminUrl)).status).toBe(2);
});
