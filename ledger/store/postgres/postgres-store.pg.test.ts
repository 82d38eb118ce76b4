import { expect, test } from 'vitest';
import type { Book } from '../../core/book.ts';
import { testDatabases } from '../../testing/database/database.ts';
import { appendBook, RandomBooks } from '../../testing/database/random-books.ts';
import { MemoryBook } from '../../testing/memory-store/memory-book.ts';
import { MemoryStore } from '../../testing/memory-store/memory-store.ts';
import { storeContract } from '../../testing/store-contract/store-contract.ts';
import { wholeBook } from '../../testing/store-contract/whole-book.ts';
import { PostgresStore } from './postgres-store.ts';

const database = testDatabases();

const open = async (book: Book) => new PostgresStore((await database()).ledger, book);

storeContract(open);

test('answers whatever it is asked as a store in memory does', async () => {
  for (const sim of new RandomBooks(11, 150).books) {
    const book = { number: sim.number, name: sim.name, region: 'eu-west' };
    const memory = MemoryStore.of(new MemoryBook(book, '00000000-0000-4000-8000-000000000001'));
    const postgres = await open(book);
    await appendBook(memory, sim);
    await appendBook(postgres, sim);
    expect(await wholeBook(memory, sim)).toEqual(await wholeBook(postgres, sim));
  }
});
