import { expect, onTestFinished, test } from 'vitest';
import type { CreateTransferResponse } from '../../proto/gen/meridian/v1/transfer.ts';
import { must } from '../core/assert.ts';
import { Leaders } from '../rpc/leaders.ts';
import { insecureLinks } from '../rpc/tls/credentials.ts';
import { connect } from '../store/postgres/connect.ts';
import { PostgresDatabase } from '../store/postgres/postgres-store.ts';
import { openRequest, transferRequest } from '../testing/books/book-requests.ts';
import { type TestDatabase, testDatabases } from '../testing/database/database.ts';
import { BOOKS, SILENT } from '../testing/database/leading.ts';
import { BookMember } from './book-member.ts';

const database = testDatabases();
const [BOOK] = BOOKS;

/** A member that leads the book. */
async function leadingMember({ ledgerUrl }: TestDatabase) {
  const config = {
    book: BOOK,
    books: BOOKS,
    address: '127.0.0.1:1',
    database: new PostgresDatabase(ledgerUrl, BOOK),
    redisUrl: undefined,
    replicated: false,
    serverRegion: 'eu-west',
  };
  const member = new BookMember(config, new Leaders([], insecureLinks), SILENT);
  const running = member.run();
  await expect.poll(() => member.leader, { timeout: 20_000 }).toBeDefined();
  const stop = async () => {
    member.stop();
    await running;
  };
  return { member, leader: must(member.leader, 'it leads'), stop };
}

const post = ({ leader }: Awaited<ReturnType<typeof leadingMember>>) =>
  new Promise<CreateTransferResponse>((resolve, reject) => {
    leader.submit({
      kind: 'transfers',
      requests: [transferRequest()],
      startBefore: [Infinity],
      onOutcome: ([result]) => resolve(must(result, 'one request has one result')),
      onLate: () => undefined,
      onFailure: reject,
    });
  });

test('however many reads wait for the database, a key is found in the journal', async () => {
  const opened = await database();
  const first = await leadingMember(opened);
  await new Promise((resolve, reject) => {
    const requests = ['alice', 'bob'].map((externalId) => openRequest({ externalId }));
    first.leader.submit({ kind: 'open', requests, onOutcome: resolve, onFailure: reject });
  });
  const { transferId } = await post(first);
  await first.stop();

  // It has nothing of the first one in memory.
  const second = await leadingMember(opened);
  const admin = connect(opened.adminUrl, 1);
  onTestFinished(async () => {
    await admin.end({ timeout: 0 });
    await second.stop();
  });
  await admin.unsafe('BEGIN; LOCK TABLE asset IN ACCESS EXCLUSIVE MODE');
  const { store } = second.member;
  const reads = Promise.all(Array.from({ length: 100 }, () => store.readAssets()));
  expect(await post(second)).toMatchObject({ transferId, replayed: true });
  await admin.unsafe('COMMIT');
  await reads;
}, 60_000);
