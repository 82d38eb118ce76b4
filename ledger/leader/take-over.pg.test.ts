import { expect, test } from 'vitest';
import { append } from '../store/postgres/append.ts';
import { fenceBook, unfenceBook } from '../store/postgres/fence.ts';
import { readHead } from '../store/postgres/head.ts';
import { testDatabases } from '../testing/database/database.ts';
import { BOOKS } from '../testing/database/leading.ts';
import { batchAfter, journalRow } from '../testing/database/rows.ts';
import { takeOver } from './take-over.ts';
import { PostgresStore } from '../store/postgres/postgres-store.ts';

const database = testDatabases();
const [BOOK] = BOOKS;

test('a take-over bumps the epoch by one, is recorded in the journal, and is committed', async () => {
  const { ledger } = await database();
  const before = await readHead(ledger, BOOK);
  const taken = await takeOver(new PostgresStore(ledger, BOOK), before, '127.0.0.1:1', 1_000_000);
  expect(taken).toMatchObject({ epoch: 1, leader: '127.0.0.1:1', seq: 1, atMicros: 1_000_000 });
  expect(await readHead(ledger, BOOK)).toEqual(taken);
  const again = await takeOver(
    new PostgresStore(ledger, BOOK),
    await readHead(ledger, BOOK),
    '127.0.0.1:2',
    5,
  );
  // Time never goes back, whatever the clock of the new leader shows.
  expect(again).toMatchObject({ epoch: 2, leader: '127.0.0.1:2', seq: 2, atMicros: 1_000_001 });
  expect(await ledger`SELECT seq, epoch, kind, reference FROM journal ORDER BY seq`).toEqual([
    { seq: 1n, epoch: 1n, kind: 5, reference: '127.0.0.1:1' },
    { seq: 2n, epoch: 2n, kind: 5, reference: '127.0.0.1:2' },
  ]);
});

test('a head that has a later time without a row is not taken over with an earlier one', async () => {
  const { ledger, admin } = await database();
  const store = new PostgresStore(ledger, BOOK);
  await takeOver(store, await readHead(ledger, BOOK), 'a:1', 1_000_000);
  const seen = await readHead(ledger, BOOK);
  // The leader proves that it leads: a read as of the time before is final from now on.
  await admin`UPDATE head SET at = at + interval '1 hour'`;
  expect(await takeOver(store, seen, 'b:1', 2_000_000)).toBeUndefined();
  const taken = await takeOver(store, await readHead(ledger, BOOK), 'b:1', 2_000_000);
  expect(taken).toMatchObject({ epoch: 2, atMicros: 3_601_000_001 });
});

test('of several servers that take over at once exactly one succeeds', async () => {
  const { ledger } = await database();
  for (let round = 1; round <= 5; round += 1) {
    const head = await readHead(ledger, BOOK);
    const all = await Promise.all(
      ['a:1', 'b:1', 'c:1'].map((address) =>
        takeOver(new PostgresStore(ledger, BOOK), head, address, 1),
      ),
    );
    const [winner, ...others] = all.filter((taken) => taken !== undefined);
    expect(others).toEqual([]);
    expect(winner?.epoch).toBe(round);
    expect(await readHead(ledger, BOOK)).toEqual(winner);
  }
});

test('the next append of the leader before is fenced', async () => {
  const { ledger } = await database();
  const first = await takeOver(
    new PostgresStore(ledger, BOOK),
    await readHead(ledger, BOOK),
    'a:1',
    1,
  );
  if (first === undefined) throw new Error('no other server took over');
  const second = await takeOver(
    new PostgresStore(ledger, BOOK),
    await readHead(ledger, BOOK),
    'b:1',
    1,
  );
  if (second === undefined) throw new Error('no other server took over');
  const row = journalRow(first.seq + 1, { epoch: first.epoch });
  expect(await append(ledger, batchAfter(first, [row]))).toBe(false);
  // Not even if it guesses where the journal ends.
  const guessed = { ...first, seq: second.seq };
  expect(await append(ledger, batchAfter(guessed, [row]))).toBe(false);
  expect(await readHead(ledger, BOOK)).toEqual(second);
});

test('a fenced book is not taken over, even by a server that does not know of it', async () => {
  const { admin, ledger } = await database();
  const first = await takeOver(
    new PostgresStore(ledger, BOOK),
    await readHead(ledger, BOOK),
    'a:1',
    1,
  );
  if (first === undefined) throw new Error('no other server took over');
  const fenced = await fenceBook(admin, 'jane', 2_000_000);
  expect(fenced).toMatchObject({ epoch: 2, leader: 'fenced by jane', seq: 2, fenced: true });
  expect(await readHead(ledger, BOOK)).toEqual(fenced);
  const row = journalRow(first.seq + 1, { epoch: first.epoch });
  expect(await append(ledger, batchAfter(first, [row]))).toBe(false);
  const unaware = { ...fenced, fenced: false };
  expect(await takeOver(new PostgresStore(ledger, BOOK), unaware, 'b:1', 1)).toBeUndefined();
  await unfenceBook(admin);
  expect(await takeOver(new PostgresStore(ledger, BOOK), unaware, 'b:1', 1)).toMatchObject({
    epoch: 3,
    leader: 'b:1',
  });
});

test('a fence is stamped by the database where the clock of the operator is ahead', async () => {
  const { ledger, admin } = await database();
  await takeOver(
    new PostgresStore(ledger, BOOK),
    await readHead(ledger, BOOK),
    '127.0.0.1:1',
    1_000_000,
  );
  const { atMicros } = await fenceBook(admin, 'jane', (Date.now() + 3_600_000) * 1_000);
  expect(atMicros).toBeLessThan((Date.now() + 60_000) * 1_000);
});
