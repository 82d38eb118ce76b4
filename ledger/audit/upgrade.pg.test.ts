import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { chainAfterBy } from '../core/chain.ts';
import { append } from '../store/postgres/append.ts';
import { readHead } from '../store/postgres/head.ts';
import { migrate } from '../store/postgres/migrate.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { batchAfter, journalRow } from '../testing/database/rows.ts';
import { appendByRecipeOne } from '../testing/database/recipe-one.ts';
import { runAudit } from './run-audit.ts';
import { completeBooks } from './test/complete-books.ts';
import { writeBook } from './test/written-book.ts';

/*
 * Books of releases before 0009_chain_recipe.sql: they go on by recipe 2, wherever the upgrade was
 * killed, and verify as a whole.
 */

const newDatabase = testDatabases();
const [book] = completeBooks();
const MIGRATION = '0009_chain_recipe.sql';
const folder = join(import.meta.dirname, '..', 'migrations');
const textOf = (file: string) => readFileSync(join(folder, file), 'utf8');

/** A database of the release before. */
async function earlierDatabase(): Promise<TestDatabase> {
  const database = await newDatabase(false);
  const { admin } = database;
  await admin`CREATE TABLE migration (
    name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`;
  const files = readdirSync(folder).toSorted();
  for (const file of files.slice(0, files.indexOf(MIGRATION))) {
    await admin.begin(async (tx) => {
      await tx`INSERT INTO migration (name) VALUES (${file})`;
      await tx.unsafe(textOf(file));
    });
  }
  return database;
}

const place = { number: book.number, name: book.name, region: book.name };

/** A batch of rows that change no account, by a leader of this release or the one before. */
async function appendRows({ ledger }: TestDatabase, size: number, recipe: 1 | 2): Promise<void> {
  const head = await readHead(ledger, place);
  const seqs = Array.from({ length: size }, (_, index) => head.seq + 1 + index);
  const rows = seqs.map((seq) =>
    journalRow(seq, { epoch: head.epoch, atMicros: head.atMicros + 1 }),
  );
  const batch = batchAfter(head, rows);
  const chainAfter = chainAfterBy(recipe, head.chain, rows);
  const moved = { ...batch, head: { ...batch.head, chainAfter } };
  await (recipe === 1 ? appendByRecipeOne : append)(ledger, moved);
}

/** The violations of the chain and of the head. */
async function brokenChain({ auditorUrl }: TestDatabase): Promise<string[]> {
  const report = await runAudit({ urls: [auditorUrl], onProgress: () => {} });
  return report.violations
    .filter(({ invariant }) => invariant === 'I11')
    .map(({ text, seq }) => `${seq}: ${text}`);
}

test('a book of the release before goes on by recipe 2 and verifies', async () => {
  const database = await earlierDatabase();
  await writeBook(database, book, () => 1);
  const before = await database.admin`SELECT * FROM journal ORDER BY seq`;
  // The tool may be of this release already.
  expect(await brokenChain(database)).toEqual([]);
  await migrate(database.adminUrl);
  for (const size of [1, 3, 4, 50]) await appendRows(database, size, 2);
  // A leader of the release before that is still there may take its turn.
  await appendRows(database, 5, 1);
  await appendRows(database, 5, 2);
  expect(await brokenChain(database)).toEqual([]);
  const recipes = await database.admin`
    SELECT chain_recipe FROM journal WHERE chain IS NOT NULL ORDER BY seq DESC LIMIT 6`;
  expect(recipes.map((row) => row['chain_recipe'])).toEqual([2, null, 2, 2, 2, 2]);
  const after = await database.admin`SELECT * FROM journal ORDER BY seq LIMIT ${before.length}`;
  expect(after.map(({ chain_recipe: recipe, ...row }) => [recipe, row])).toEqual(
    before.map((row) => [null, { ...row }]),
  );
});

test('an upgrade that is killed before its commit changes nothing, and is made again', async () => {
  const database = await earlierDatabase();
  await writeBook(database, book, () => 1);
  const killed = database.admin.begin(async (tx) => {
    await tx`INSERT INTO migration (name) VALUES (${MIGRATION})`;
    await tx.unsafe(textOf(MIGRATION));
    await tx`SELECT pg_terminate_backend(pg_backend_pid())`;
  });
  await expect(killed).rejects.toThrow(/terminat|CLOSED/u);
  // The release before goes on, then the upgrade is made, and killed when it is.
  await appendRows(database, 5, 1);
  await migrate(database.adminUrl);
  await appendRows(database, 5, 1);
  await migrate(database.adminUrl);
  await appendRows(database, 5, 2);
  expect(await brokenChain(database)).toEqual([]);
});
