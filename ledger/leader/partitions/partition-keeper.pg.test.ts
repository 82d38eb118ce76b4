import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { PostgresPartitions } from '../../store/postgres/partitions.ts';
import { testDatabases } from '../../testing/database/database.ts';
import { SILENT } from '../../testing/database/leading.ts';
import { JournalPartitions } from './journal-partitions.ts';
import { PartitionKeeper } from './partition-keeper.ts';

const database = testDatabases();

/** A server with a room for locks of the test's choice: the setting cannot be changed while it runs. */
class Roomy extends PostgresPartitions {
  room = Infinity;
  asked = false;

  override lockRoom() {
    this.asked = true;
    return Promise.resolve(this.room);
  }
}

test.each([
  [240, []],
  [
    239,
    [
      'PARTITIONS_EXCEED_LOCKS: 3 partitions, where there are locks for 2: raise max_locks_per_transaction',
    ],
  ],
])('with room for %i locks, three partitions lead to the alarms %j', async (room, alarms) => {
  const { ledger, admin } = await database();
  await admin`SELECT journal_start(1000)`;
  for (let added = 1; added < 3; added += 1) await admin`SELECT journal_add_partition(1000, true)`;
  const store = new Roomy(ledger);
  store.room = room;
  const partitions = await JournalPartitions.load(store, 0);
  const keeper = new PartitionKeeper({ store, partitions, log: SILENT, rows: 1_000, epoch: 1 });
  const running = keeper.run();
  await expect.poll(() => store.asked).toBe(true);
  await sleep(500);
  await expect.poll(() => keeper.alarms).toEqual(alarms);
  keeper.stop();
  await running;
});

test('the room for locks is that of the settings of the server', async () => {
  const { ledger, admin } = await database();
  const [row] = await admin<{ locks: string; connections: string }[]>`
    SELECT current_setting('max_locks_per_transaction') AS locks,
           current_setting('max_connections') AS connections`;
  const room = Number(row?.locks) * Number(row?.connections);
  expect(await new PostgresPartitions(ledger).lockRoom()).toBe(room);
  expect(room).toBe(1_024 * 200);
});
