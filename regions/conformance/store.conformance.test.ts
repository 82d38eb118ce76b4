import { afterAll, inject } from 'vitest';
import type { Book } from '../../ledger/core/book.ts';
import { connect, type Sql } from '../../ledger/store/postgres/connect.ts';
import { migrate } from '../../ledger/store/postgres/migrate.ts';
import { PostgresStore } from '../../ledger/store/postgres/postgres-store.ts';
import { storeContract } from '../../ledger/testing/store-contract/store-contract.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Database of the run, as its owner; its name begins those of the tests' databases. */
    conformance: string;
  }
}

const url = inject('conformance');
const server = connect(url, 1);
const opened: Sql[] = [];
let made = 0;

afterAll(async () => {
  for (const sql of [...opened, server]) await sql.end({ timeout: 2 });
});

/** A book in a database of its own, which the command drops with its own. */
storeContract(async (book: Book) => {
  made += 1;
  const own = new URL(url);
  own.pathname += `_${made}`;
  await server`CREATE DATABASE ${server(own.pathname.slice(1))} TEMPLATE template0`;
  await migrate(own.href);
  own.searchParams.set('role', 'meridian_ledger');
  const sql = connect(own.href, 2);
  opened.push(sql);
  return new PostgresStore(sql, book);
});
