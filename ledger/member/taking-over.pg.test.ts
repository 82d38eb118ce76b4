import { expect, test } from 'vitest';
import { testDatabases } from '../testing/database/database.ts';
import { startMember } from '../testing/database/leading-member.ts';
import { Leading } from '../testing/database/leading.ts';

const database = testDatabases();

test('a member that builds the indexes of the leader before reports the epoch of its take-over', async () => {
  const opened = await database();
  await opened.ledger`SELECT journal_start(100)`;
  const before = await Leading.over(opened, { partitionRows: 100, bareAbove: 0 });
  const bare = () => opened.ledger<{ name: string }[]>`
    SELECT 'journal_from_' || first_seq AS name FROM journal_bare`;
  await expect.poll(async () => (await bare()).length).toBeGreaterThan(0);
  await before.stop();
  await opened.admin.begin(async (holder) => {
    // As a vacuum by hand: no index can be built meanwhile.
    for (const { name } of await bare()) {
      await holder.unsafe(`LOCK TABLE ${name} IN SHARE UPDATE EXCLUSIVE MODE`);
    }
    const { member } = startMember(opened);
    await expect
      .poll(() => member.status, { timeout: 20_000, interval: 10 })
      .toMatchObject({ leading: false, epoch: 2 });
  });
});
