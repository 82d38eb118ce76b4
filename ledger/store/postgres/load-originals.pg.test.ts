import { expect, test } from 'vitest';
import { RowKind } from '../../core/journal-row.ts';
import { testDatabases } from '../../testing/database/database.ts';
import { RandomBooks, storeBook } from '../../testing/database/random-books.ts';
import { loadOriginals } from './load-originals.ts';

const database = testDatabases();

test('rows that others draw on are loaded as the journal has them', async () => {
  const { books } = new RandomBooks(7, 400);
  const settlements = [];
  for (const book of books) {
    const stored = await database();
    await storeBook(stored, book, { number: book.number, name: book.name, region: 'test' });
    const ids = book.rows.map(({ id }) => id);
    const loaded = await loadOriginals(stored.ledger, ids);
    const expected = ids.flatMap((id) => book.storedOriginal(id) ?? []);
    expect(new Map(loaded.map((original) => [original.id, original]))).toEqual(
      new Map(expected.map((original) => [original.id, original])),
    );
    settlements.push(...book.rows.filter(({ kind }) => kind === RowKind.settlement));
  }
  // Both kinds of second legs were among them.
  const givesBack = settlements.map(({ details }) => details?.drawn !== undefined);
  expect(new Set(givesBack)).toEqual(new Set([true, false]));
});
