import { expect, test } from 'vitest';
import { testDatabases } from '../../testing/database/database.ts';
import { printedBy } from '../../testing/garbage/bytes-outliving.ts';

const database = testDatabases();

test('the rows of a statement do not outlive it', async () => {
  const { ledgerUrl } = await database();
  // Without the patch 22,200: the row, and what the driver made for the statement.
  expect(await printedBy('of-statements.ts', ledgerUrl, '20000')).toBeLessThan(5_000);
});
