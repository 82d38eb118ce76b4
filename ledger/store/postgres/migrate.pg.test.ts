import { expect, test } from 'vitest';
import { testDatabases } from '../../testing/database/database.ts';
import { migrate } from './migrate.ts';

const database = testDatabases();

test('a database is migrated once, however often it is asked for', async () => {
  const { admin, adminUrl } = await database(false);
  await migrate(adminUrl);
  const first = await admin`SELECT * FROM migration`;
  expect(first.map((row) => row['name'])).toContain('0001_journal.sql');
  await migrate(adminUrl);
  expect(await admin`SELECT * FROM migration`).toEqual(first);
});

test('processes that migrate at the same time do not disturb each other', async () => {
  for (let round = 0; round < 3; round += 1) {
    const { admin, adminUrl } = await database(false);
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => migrate(adminUrl)));
    const failed = all.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
    expect(failed).toEqual([]);
    expect(await admin`SELECT count(*) FROM head`).toEqual([{ count: 0n }]);
  }
});

test('a database of a newer version is left alone', async () => {
  const { admin, adminUrl } = await database();
  await admin`INSERT INTO migration (name) VALUES ('9999_future.sql')`;
  await expect(migrate(adminUrl)).rejects.toThrow(/9999_future\.sql, unknown to this version/u);
});
