import type { Sql } from '../../ledger/store/connect.ts';
import type { BookStatus } from './status.ts';
import { describeBook } from './book-status.ts';
import { bestCopy } from './in-transit.ts';
import type { Book, Installation } from './installation.ts';

/** Where an account is. */
export interface Whereabouts {
  readonly accountId: bigint;
  readonly externalId: string;
  readonly book: BookStatus;
}

/**
 * The accounts with this id or external id, read from the newest copy of each book that answers,
 * so also while a book has no leader. Throws when none is found and a book could not be asked.
 */
export async function whereIs(installation: Installation, name: string): Promise<Whereabouts[]> {
  const silent: string[] = [];
  const found = await Promise.all(
    installation.books.map(async (book) => {
      try {
        return await findIn(installation, book, name);
      } catch {
        silent.push(book.name);
        return [];
      }
    }),
  );
  const all = found.flat();
  if (all.length > 0 || silent.length === 0) return all;
  throw new Error(`"${name}" was not found, but no copy of ${silent.join(', ')} answers`);
}

async function findIn(installation: Installation, book: Book, name: string) {
  const { database } = await bestCopy(installation, book);
  const rows = await database.ask((sql) => readAccounts(sql, name));
  if (rows.length === 0) return [];
  const status = describeBook(await installation.facts(book), book.home);
  return rows.map(({ id, external_id: externalId }): Whereabouts => ({
    accountId: id,
    externalId,
    book: status,
  }));
}

function readAccounts(sql: Sql, name: string): Promise<{ id: bigint; external_id: string }[]> {
  const id = /^\d{1,19}$/u.test(name) ? BigInt(name) : 0n;
  if (id > 0n && BigInt.asIntN(64, id) === id) {
    return sql`SELECT id, external_id FROM account WHERE id = ${id.toString()}::int8`;
  }
  return sql`SELECT id, external_id FROM account WHERE external_id = ${name}`;
}
