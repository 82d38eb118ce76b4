import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { accountId } from '../../core/account-id.ts';
import { openRequest, transferRequest } from '../../testing/books/book-requests.ts';
import { type TestDatabase, testDatabases } from '../../testing/database/database.ts';
import { statementsOf } from '../../testing/database/statements.ts';
import { Leading } from '../../testing/database/leading.ts';
import { unsparedPartitions } from '../../testing/database/spared-partitions.ts';
import { connect } from './connect.ts';
import { migrate } from './migrate.ts';

const database = testDatabases();
const FOLDER = path.join(import.meta.dirname, '..', '..', 'migrations');
const PARTITIONS = '0010_partitions.sql';

/** A database with the schema of the release before the journal was in partitions. */
async function before(): Promise<TestDatabase> {
  const opened = await database(false);
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).toSorted();
  await opened.admin`CREATE TABLE migration (
    name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`;
  for (const name of files.filter((file) => file < PARTITIONS)) {
    await opened.admin.unsafe(await readFile(path.join(FOLDER, name), 'utf8'));
    await opened.admin`INSERT INTO migration (name) VALUES (${name})`;
  }
  return opened;
}

/** The same with a book of 200 rows, as that release would have written them. */
async function written(): Promise<TestDatabase> {
  const opened = await before();
  const { admin } = opened;
  const other = await database();
  const leading = await Leading.over(other);
  await leading.open([openRequest(), openRequest({ externalId: 'bob', min: undefined })]);
  for (let call = 0; call < 4; call += 1) {
    const keys = Array.from({ length: 50 }, (_, index) => `key ${call * 50 + index}`);
    await leading.transfer(keys.map((idempotencyKey) => transferRequest({ idempotencyKey })));
  }
  await leading.stop();
  for (const table of ['head', 'account', 'journal', 'channel', 'asset']) {
    const columns = (
      await admin<{ name: string }[]>`
        SELECT attname AS name FROM pg_attribute
         WHERE attrelid = ${table}::regclass AND attnum > 0 ORDER BY attnum`
    ).map(({ name }) => name);
    const rows = await other.admin<{ row: string }[]>`
      SELECT to_json(t)::text AS row FROM ${other.admin(table)} t`;
    for (const { row } of rows) {
      await admin.unsafe(
        `INSERT INTO ${table} (${columns.join(', ')})
         SELECT ${columns.join(', ')} FROM json_populate_record(NULL::${table}, $1::text::json)`,
        [row],
      );
    }
  }
  return opened;
}

const everything = async ({ admin }: TestDatabase) => ({
  journal: await admin`SELECT * FROM journal ORDER BY seq`,
  balances: await admin`SELECT * FROM balance ORDER BY account`,
  head: await admin`SELECT seq, chain FROM head`,
});

test('a book of the release before is upgraded, and goes on with the same keys', async () => {
  const opened = await written();
  const old = await everything(opened);
  expect(old.journal).toHaveLength(203);
  await migrate(opened.adminUrl);
  expect(await everything(opened)).toEqual(old);
  const [first] = await opened.admin<{ end_seq: bigint; has_id: boolean }[]>`
    SELECT end_seq, has_id FROM journal_partition`;
  expect(first).toMatchObject({ end_seq: 11_000_001n, has_id: true });
  expect(await unsparedPartitions(opened.admin)).toEqual([]);
  const leading = await Leading.over(opened, { partitionRows: 100 });
  const [known, fresh] = await leading.transfer([
    transferRequest({ idempotencyKey: 'key 7' }),
    transferRequest({ idempotencyKey: 'another key' }),
  ]);
  expect([known?.replayed, fresh?.replayed]).toEqual([true, false]);
  expect(fresh?.position?.seq).toBe(205n);
  await leading.stop();
  const [row] = await opened.ledger`
    SELECT credits FROM balance WHERE account = ${accountId(1, 2)}`;
  expect(row).toEqual({ credits: 201n });
});

test(
  'an upgrade that is killed at any point leaves the book as it was',
  { timeout: 120_000 },
  async () => {
    const opened = await written();
    const old = await everything(opened);
    const text = await readFile(path.join(FOLDER, PARTITIONS), 'utf8');
    const statements = statementsOf(text);
    expect(statements.length).toBeGreaterThan(20);
    for (let count = 1; count <= statements.length; count += 1) {
      const sql = connect(opened.adminUrl, 1);
      const killed = sql.begin(async (transaction) => {
        await transaction`INSERT INTO migration (name) VALUES (${PARTITIONS})`;
        await transaction.unsafe(statements.slice(0, count).join(''));
        await transaction`SELECT pg_terminate_backend(pg_backend_pid())`;
      });
      await expect(killed).rejects.toThrow(/terminat|CLOSED/u);
      await sql.end({ timeout: 1 });
      expect(await opened.admin`SELECT to_regclass('journal_from_1') AS t`).toEqual([{ t: null }]);
    }
    expect(await everything(opened)).toEqual(old);
    await migrate(opened.adminUrl);
    expect(await everything(opened)).toEqual(old);
    await expect(
      opened.admin`UPDATE journal SET id = ${randomUUID()} WHERE seq = 1`,
    ).rejects.toThrow(/append-only/u);
  },
);
