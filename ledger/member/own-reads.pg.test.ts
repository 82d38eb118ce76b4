import { expect, onTestFinished, test } from 'vitest';
import { connect } from '../store/postgres/connect.ts';
import { testDatabases } from '../testing/database/database.ts';
import { leadingMember, openAliceAndBob } from '../testing/database/leading-member.ts';

const database = testDatabases();

test('however many reads wait for the database, a key is found in the journal', async () => {
  const opened = await database();
  const first = await leadingMember(opened);
  await openAliceAndBob(first);
  const { transferId } = await first.post();
  await first.stop();

  // It has nothing of the first one in memory.
  const second = await leadingMember(opened);
  const admin = connect(opened.adminUrl, 1);
  // Before the member is stopped, which waits for what it reads.
  onTestFinished(() => admin.end({ timeout: 0 }));
  await admin.unsafe('BEGIN; LOCK TABLE asset IN ACCESS EXCLUSIVE MODE');
  const { store } = second.member;
  const reads = Promise.all(Array.from({ length: 100 }, () => store.readAssets()));
  expect(await second.post()).toMatchObject({ transferId, replayed: true });
  await admin.unsafe('COMMIT');
  await reads;
}, 60_000);
