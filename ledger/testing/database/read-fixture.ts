import { onTestFinished } from 'vitest';
import { accountId } from '../../core/account-id.ts';
import type { RpcError } from '../../rpc/error.ts';
import { AccountReads } from '../../service/account-reads.ts';
import { EntryReads } from '../../service/entry-reads.ts';
import { LongReads } from '../../service/long-reads.ts';
import type { ReadMember } from '../../service/proven-reads.ts';
import { TransferReads } from '../../service/transfer-reads.ts';
import { BOOKS, Leading } from './leading.ts';
import { RandomBooks, storeBook } from './random-books.ts';
import { type TestDatabase, testDatabases } from './database.ts';
import { PostgresStore } from '../../store/postgres/postgres-store.ts';

/** For a file of tests; call it once. */
export function readFixtures() {
  const database = testDatabases();
  return { database, fixture: (steps: number) => fixture(database, steps) };
}

export const [BOOK] = BOOKS;
export const CONFIG = { book: BOOK, books: [BOOK], address: 'a:1', replicated: false };
export const ALICE = accountId(1, 1);
export const BOB = accountId(1, 2);

/** The reads of a book that random requests have gone through, and its leader. */
async function fixture(database: () => Promise<TestDatabase>, steps: number) {
  const opened = await database();
  const [book] = new RandomBooks(11, steps).books;
  if (book === undefined) throw new Error('there is a book');
  await storeBook(opened, book, BOOK);
  const leading = await Leading.over(opened);
  onTestFinished(() => leading.stop());
  const store = new PostgresStore(opened.ledger, BOOK);
  const member = { store, config: CONFIG, leader: leading.leader };
  return { ...readsOf(member), opened, book, leading, member };
}

export function readsOf(member: ReadMember) {
  const longReads = new LongReads(member.store);
  return {
    accounts: new AccountReads(member),
    transfers: new TransferReads(member, longReads),
    entries: new EntryReads(member, longReads),
  };
}

/** The error that a read fails with. */
export async function errorOf(read: Promise<unknown>): Promise<RpcError> {
  return read.then(
    () => {
      throw new Error('it does not fail');
    },
    (error: RpcError) => error,
  );
}
