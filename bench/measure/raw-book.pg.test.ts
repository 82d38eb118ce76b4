import { expect, test } from 'vitest';
import { migrate } from '../../ledger/store/postgres/migrate.ts';
import { testDatabases } from '../../ledger/testing/database/database.ts';
import { acknowledgedOf } from '../load/acknowledged-tally.ts';
import type { Acknowledged } from '../load/job.ts';
import { BookCheck } from './book-check.ts';
import { RawBook } from '../load/raw-book.ts';

const database = testDatabases();

test('the bare loop keeps a sound book, and goes on from one partition to the next', async () => {
  const { adminUrl, ledgerUrl, admin } = await database(false);
  // As the benchmark has it: with the first partition alone.
  await migrate(adminUrl);
  const book = await RawBook.open(ledgerUrl, 20, 100, 1_000);
  const check = new BookCheck({ name: 'raw-1', number: 1 }, adminUrl);
  const findings = await check.begin();
  const window = { warmUpMs: 0, measureMs: 300 };
  const answers: Acknowledged[] = [];
  do answers.push(...(await book.run({ kind: 'raw', window })).acknowledged);
  while (acknowledgedOf('', answers).posted < 3_500);
  expect(await findings(acknowledgedOf('', answers))).toEqual([]);
  expect(await findings(undefined)).not.toEqual([]);
  const [row] = await admin<{ partitions: bigint }[]>`
    SELECT count(*) AS partitions FROM pg_inherits WHERE inhparent = 'journal'::regclass`;
  expect(row?.partitions).toBeGreaterThan(3n);
  await Promise.all([book.close(), check.close()]);
});
