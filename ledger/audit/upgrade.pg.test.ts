import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { TransferStatus } from '../../proto/gen/meridian/v1/transfer.ts';
import { accountId } from '../core/account-id.ts';
import { must } from '../core/assert.ts';
import { chainAfterBy } from '../core/chain.ts';
import { append } from '../store/postgres/append.ts';
import { readHead } from '../store/postgres/head.ts';
import { migrate } from '../store/postgres/migrate.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { transferRequest } from '../testing/books/book-requests.ts';
import { Leading } from '../testing/database/leading.ts';
import { batchAfter, journalRow } from '../testing/database/rows.ts';
import { statementsOf } from '../testing/database/statements.ts';
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
/** The migrations, in their order. */
const files = () => readdirSync(folder).toSorted();
const textOf = (file: string) => readFileSync(join(folder, file), 'utf8');

/** A database of the release before. */
async function earlierDatabase(): Promise<TestDatabase> {
  const database = await newDatabase(false);
  const { admin } = database;
  await admin`CREATE TABLE migration (
    name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`;
  for (const file of files().slice(0, files().indexOf(MIGRATION))) await applied(database, file);
  return database;
}

async function applied({ admin }: TestDatabase, file: string): Promise<void> {
  await admin.begin(async (tx) => {
    await tx`INSERT INTO migration (name) VALUES (${file})`;
    await tx.unsafe(textOf(file));
  });
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

/** Ends the connection of an upgrade behind the first `count` statements of a migration. */
async function killedUpgrade({ admin }: TestDatabase, file: string, count: number): Promise<void> {
  const killed = admin.begin(async (tx) => {
    await tx`INSERT INTO migration (name) VALUES (${file})`;
    await tx.unsafe(statementsOf(textOf(file)).slice(0, count).join(''));
    await tx`SELECT pg_terminate_backend(pg_backend_pid())`;
  });
  await expect(killed).rejects.toThrow(/terminat|CLOSED/u);
}

test(
  'books with rows of every kind are upgraded, killed at every step, and go on',
  { timeout: 120_000 },
  async () => {
    const books = completeBooks();
    const databases = await Promise.all(books.map(earlierDatabase));
    for (const [index, database] of databases.entries()) {
      const own = must(books[index], 'each database has its book');
      await writeBook(database, own, () => 1);
      const rows = () => database.admin`SELECT id, seq, chain FROM journal ORDER BY seq`;
      const before = await rows();
      for (const file of files().slice(files().indexOf(MIGRATION))) {
        const { length } = statementsOf(textOf(file));
        expect(length).toBeGreaterThan(0);
        for (let count = 1; count <= length; count += 1) {
          await killedUpgrade(database, file, count);
        }
        expect(await rows()).toEqual(before);
        // The release before takes its turn between the steps.
        await applied(database, file);
      }
      await migrate(database.adminUrl);
      expect(await rows()).toEqual(before);
    }
    const urls = databases.map(({ auditorUrl }) => auditorUrl);
    const violations = async () => (await runAudit({ urls, onProgress: () => {} })).violations;
    expect(await violations()).toEqual([]);
    const [first] = databases;
    const leading = await Leading.over(must(first, 'there are two'), { partitionRows: 100 });
    const requests = Array.from({ length: 250 }, (_, index) =>
      transferRequest({
        idempotencyKey: `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`,
        debitAccountId: accountId(1, 2),
        creditAccountId: accountId(1, 3),
        amount: 1n,
      }),
    );
    const answers = await leading.transfer(requests);
    expect(answers.filter(({ status }) => status !== TransferStatus.POSTED)).toEqual([]);
    await leading.stop();
    expect(await violations()).toEqual([]);
  },
);

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
