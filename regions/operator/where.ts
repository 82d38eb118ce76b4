import { textsLiteral } from '../../ledger/store/array-literal.ts';
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
 * The accounts that this text may name, as of the other commands, read from the newest copy of each book that answers,
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
  const rows = await database.ask((sql) => accountsNamed(sql, name, book.home));
  if (rows.length === 0) return [];
  const status = describeBook(await installation.facts(book), book.home);
  return rows.map(({ id, external_id: externalId }): Whereabouts => ({
    accountId: id,
    externalId,
    book: status,
  }));
}

/** `id:NUMBER` is the id, `name:TEXT` the external id; other text is looked up as all it may be. */
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

/** As Postgres takes it; null if the text is no id of 64 bits. */
function idOf(text: string): string | null {
  const id = /^\d{1,19}$/u.test(text) ? BigInt(text) : 0n;
  return id > 0n && BigInt.asIntN(64, id) === id ? String(id) : null;
}
