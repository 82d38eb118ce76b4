import { textsLiteral } from '../../ledger/store/postgres/array-literal.ts';
import type { Sql } from '../../ledger/store/postgres/connect.ts';
import type { BookStatus } from './status.ts';
import type { BookCopies, NamedBook } from './book-copies.ts';

/** Where an account is. */
export interface Whereabouts {
  readonly accountId: bigint;
  readonly externalId: string;
  readonly book: BookStatus;
}

export interface Found {
  readonly accounts: readonly Whereabouts[];
  /** Books of which no copy answered: they may have an account of that name as well. */
  readonly silent: readonly string[];
}

/**
 * The accounts that this text may name, as in the other commands, read from the newest copy of
 * each book that answers, so also while a book has no leader. Throws when none is found and a
 * book could not be asked.
 */
export async function whereIs(copies: BookCopies, name: string): Promise<Found> {
  const silent: string[] = [];
  const found = await Promise.all(
    copies.books.map(async (book) => {
      try {
        return await findIn(copies, book, name);
      } catch {
        silent.push(book.name);
        return [];
      }
    }),
  );
  const accounts = found.flat();
  if (accounts.length > 0 || silent.length === 0) return { accounts, silent: silent.toSorted() };
  throw new Error(`"${name}" was not found, but no copy of ${silent.join(', ')} answers`);
}

async function findIn(copies: BookCopies, book: NamedBook, name: string) {
  const database = await copies.newestCopy(book);
  const rows = await database.ask((sql) => accountsNamed(sql, name, book.home));
  if (rows.length === 0) return [];
  const status = await copies.bookStatus(book);
  return rows.map(({ id, external_id: externalId }): Whereabouts => ({
    accountId: id,
    externalId,
    book: status,
  }));
}

/** `id:NUMBER` is the id, `name:TEXT` the external id; other text is looked up as both. */
export function accountsNamed(
  sql: Sql,
  name: string,
  home: string,
): Promise<{ id: bigint; external_id: string }[]> {
  const [, kind, exact] = /^(id|name):(.*)$/su.exec(name) ?? [];
  const id = kind === 'name' ? null : idOf(exact ?? name);
  const names = kind === 'id' ? [] : [exact ?? name];
  if (kind === undefined && name.endsWith(`@${home}`)) names.push(name.slice(0, -home.length - 1));
  return sql`
    SELECT id, external_id FROM account
     WHERE id = ${id}::int8 OR external_id = ANY(${textsLiteral(names)}::text[]) ORDER BY id`;
}

/** In the form that Postgres takes; null if the text is not a 64-bit id. */
function idOf(text: string): string | null {
  const id = /^\d{1,19}$/u.test(text) ? BigInt(text) : 0n;
  return id > 0n && BigInt.asIntN(64, id) === id ? String(id) : null;
}
