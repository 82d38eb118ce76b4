import { expect, test } from 'vitest';
import { CHAIN_START } from '../../core/chain.ts';
import { testDatabases } from '../../testing/database/database.ts';
import { BOOKS } from '../../testing/database/leading.ts';
import { readHead } from './head.ts';

const database = testDatabases();
const [BOOK, OTHER] = BOOKS;

test('a new database gets its head once, whichever server asks first', async () => {
  const { ledger } = await database();
  const [a, b, c] = await Promise.all([1, 2, 3].map(() => readHead(ledger, BOOK)));
  expect(a).toMatchObject({ epoch: 0, leader: '', seq: 0, atMicros: 0, accounts: 0 });
  expect(a?.chain.equals(CHAIN_START)).toBe(true);
  expect([b, c]).toEqual([a, a]);
});

test('a server of another book is refused, and does not change the book', async () => {
  const { ledger } = await database();
  const head = await readHead(ledger, BOOK);
  await expect(readHead(ledger, OTHER)).rejects.toThrow(/holds book 1.*, not book 2/u);
  expect(await readHead(ledger, BOOK)).toEqual(head);
});
