import postgres from 'postgres';
import type { Sql } from '../../../ledger/store/postgres/connect.ts';
import { type DatabaseCheck, Lack, type Passed } from '../finding.ts';
import { BookSite, headAfter, transfersAfter } from './book-site.ts';

/** The code of the failure of a statement that must fail; undefined: it did not. */
async function failureOf(sql: Sql, statement: string): Promise<string | undefined> {
  const failed = await sql
    .begin(async (transaction) => {
      await transaction.unsafe(statement);
      // Nothing of it stays, and later checks find the book as it was.
      throw new Undone();
    })
    .catch((error: unknown) => error);
  if (failed instanceof Undone) return undefined;
  return failed instanceof postgres.PostgresError ? failed.code : 'lost';
}

class Undone extends Error {}

async function mustFail(sql: Sql, code: string, statements: readonly string[]): Promise<void> {
  for (const statement of statements) {
    const found = await failureOf(sql, statement);
    if (found === code) continue;
    throw new Lack(`${statement}: ${found === undefined ? 'it was done' : `failed by ${found}`}`);
  }
}

async function definerFunctions({ ledger, store }: BookSite): Promise<Passed> {
  await mustFail(ledger, '42501', ['CREATE TABLE mine (a int)', 'DROP TABLE account']);
  await store.partitions.start(10_000);
  const before = await store.partitions.read();
  await store.partitions.add(10_000, true);
  const after = await store.partitions.read();
  if (after.length !== before.length + 1)
    throw new Lack('the role of the ledger added no partition');
  if (!after.every(({ ids, versions }) => ids && versions)) {
    throw new Lack('a partition was added without its indexes');
  }
  return { text: 'the role of the ledger adds partitions, and may do nothing else to the schema' };
}

async function appendOnly({ owner, ledger, store }: BookSite): Promise<Passed> {
  const head = await store.readHead();
  if (!(await store.append(transfersAfter(head, 2)))) throw new Lack('rows cannot be appended');
  const changes = ['UPDATE journal SET amount = 2', 'DELETE FROM journal', 'TRUNCATE journal'];
  await mustFail(ledger, '42501', changes);
  // The owner is kept from it by triggers, until they are dropped, which an audit shows.
  await mustFail(owner, '23001', changes);
  return { text: 'rows are neither changed nor deleted, by the ledger or by the owner' };
}

async function oneWriter({ database, store }: BookSite): Promise<Passed> {
  const other = new BookSite(database);
  try {
    for (let round = 1; round <= 50; round += 1) {
      const head = await store.readHead();
      // Of one row, which is one statement, or of several, which are copied.
      const mine = transfersAfter(head, 1);
      const theirs = transfersAfter(head, round % 2 === 0 ? 1 : 8);
      const results = await Promise.all([store.append(mine), other.store.append(theirs)]);
      if (results.filter(Boolean).length !== 1) {
        throw new Lack(`${results.filter(Boolean).length} of 2 writers moved the same head`);
      }
      const now = await store.readHead();
      const won = headAfter(head, results[0] ? mine : theirs);
      if (now.seq !== won.seq || !now.chain.equals(won.chain))
        throw new Lack('the head is not that of the writer who succeeded');
    }
  } finally {
    await other.close();
  }
  return { text: 'of two writers of the same head one succeeds, 50 times of 50' };
}

async function journalAgrees({ owner }: BookSite): Promise<Passed> {
  const [row] = await owner<{ count: bigint; last: bigint; head: bigint }[]>`
    SELECT count(*) AS count, max(seq) AS last, (SELECT seq FROM head) AS head FROM journal`;
  if (row === undefined || row.count !== row.head || row.last !== row.head) {
    throw new Lack(`the journal has ${row?.count} rows, and the head is at ${row?.head}`);
  }
  return { text: `${row.count} rows, without gaps, up to the head` };
}

async function switchOfWal({ ledger }: BookSite): Promise<Passed> {
  const [row] = await ledger<{ may: boolean }[]>`
    SELECT has_function_privilege('meridian_ledger', 'pg_switch_wal()', 'EXECUTE') AS may`;
  if (row?.may === true) return { text: 'the ledger may switch the WAL when it takes over' };
  const text =
    'the ledger may not switch the WAL: copies of a book must be left to the service, and the ' +
    'replicated profile cannot use this server';
  return { text, advice: true };
}

/** Asked of an empty book, one after the other. */
export const SCHEMA_CHECKS: readonly DatabaseCheck<BookSite>[] = [
  { name: 'rights through functions', run: definerFunctions },
  { name: 'append-only', run: appendOnly },
  { name: 'one writer', run: oneWriter },
  { name: 'no gaps', run: journalAgrees },
  { name: 'switch of the WAL', run: switchOfWal },
];
