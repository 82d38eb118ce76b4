import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { append } from '../store/postgres/append.ts';
import { readHead } from '../store/postgres/head.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { batchAfter, journalRow } from '../testing/database/rows.ts';
import { completeBooks } from './test/complete-books.ts';
import { writeBook } from './test/written-book.ts';

const newDatabase = testDatabases();
const [book] = completeBooks();
const program = join(import.meta.dirname, '..', 'docs', 'verify-chain.py');

/** What the documented program finds in a book. */
async function verify({ admin }: TestDatabase) {
  const { stdout: copy } = spawnSync('python3', [program], { encoding: 'utf8' });
  const chunks: Buffer[] = [];
  const printed: AsyncIterable<Buffer> = await admin.unsafe(copy).readable();
  for await (const chunk of printed) chunks.push(chunk);
  return spawnSync('python3', [program, '-'], { input: Buffer.concat(chunks), encoding: 'utf8' });
}

/** A book with every kind of row, in batches of either recipe, and with plain rows. */
async function write(): Promise<TestDatabase> {
  const database = await newDatabase();
  await writeBook(database, book, (index) => (index < 3 ? 1 : 2));
  const place = { number: book.number, name: book.name, region: book.name };
  for (const size of [1, 2, 10]) {
    const head = await readHead(database.ledger, place);
    const seqs = Array.from({ length: size }, (_, index) => head.seq + 1 + index);
    const rows = seqs.map((seq) => journalRow(seq, { atMicros: head.atMicros + 1 }));
    expect(await append(database.ledger, batchAfter(head, rows))).toBe(true);
  }
  return database;
}

test('the documented program verifies a book with every kind of row, without our code', async () => {
  const database = await write();
  const head = await readHead(database.ledger, {
    number: book.number,
    name: book.name,
    region: '',
  });
  const batches = book.batches.filter(({ rows }) => rows.length > 0).length + 3;
  expect(await verify(database)).toMatchObject({
    stderr: '',
    stdout: `${batches} batches up to ${head.chain.toString('hex')}, 3 of them by recipe 1\n`,
    status: 0,
  });
});

test('it names the batch in which a byte was changed', async () => {
  const database = await write();
  const [last] = await database.admin<{ seq: bigint }[]>`SELECT max(seq) AS seq FROM journal`;
  for (const change of [`amount = amount + 1`, `reference = ''`, `chain = sha256(chain)`]) {
    await database.admin.begin(async (tx) => {
      await tx`SET LOCAL session_replication_role = replica`;
      await tx.unsafe(`UPDATE journal SET ${change} WHERE seq = ${last?.seq}`);
    });
    expect(await verify(database)).toMatchObject({
      stderr: `the batch that ends at seq ${last?.seq} does not verify\n`,
      stdout: '',
      status: 1,
    });
  }
});
