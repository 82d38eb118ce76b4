import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { testDatabases } from '../../../ledger/testing/database/database.ts';
import { twoBooks } from '../../../ledger/audit/test/two-books.ts';
import { writeBook } from '../../../ledger/audit/test/written-book.ts';
import { dumpCopy } from './dump-copy.ts';
import { readFinalReads } from './final-file.ts';

const newDatabase = testDatabases();
const [near] = twoBooks();
const book = {
  number: 1,
  name: near.name,
  region: 'eu-west',
  copies: ['eu-west', 'us-east'],
  startSeq: 0,
};

test('a copy of a book is dumped as its database has it', async () => {
  const database = await newDatabase();
  await writeBook(database, near);
  const folder = await mkdtemp(join(tmpdir(), 'meridian-copies-'));
  try {
    await dumpCopy(database.auditorUrl, 'eu-west', folder);
    const { copies, missing } = await readFinalReads(folder, [book]);
    expect(missing).toEqual([`the copy of ${near.name} in us-east was not read`]);
    const [copy] = copies;
    const rows = near.batches.flatMap((batch) => batch.rows);
    expect(copy?.rows.map(({ row }) => row)).toEqual(rows);
    expect(copy).toMatchObject({
      role: 'primary',
      region: 'eu-west',
      book: 1,
      changeable: [],
      partitions: { wrong: [] },
      preparedTransactions: 0,
      channels: [{ peerBook: 2, sent: 3, settled: 2, applied: 0 }],
    });
    expect(copy?.partitions?.count).toBeGreaterThan(0);
    expect(copy?.head.seq).toBe(rows.length);
    expect(copy?.balances).toHaveLength(copy?.accounts.length ?? 0);
    expect(copy?.trialBalance).toMatchObject([{ asset: 'EUR' }]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a database that cannot be read is reported', async () => {
  const database = await newDatabase();
  await expect(dumpCopy(database.auditorUrl, 'eu-west', tmpdir())).rejects.toThrow(
    'no ledger server has ever',
  );
});
