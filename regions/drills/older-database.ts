import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Sql } from '../../ledger/store/postgres/connect.ts';

/** Replaces the database of a book by an older copy, as after a disaster. */

/** Sessions of a server that was just killed may still come and go. */
const TRIES = 10;
const AGAIN_MS = 200;

/** The name of a database, of its copy and of what is replaced by the copy. */
interface Names {
  readonly name: string;
  readonly copy: string;
  readonly replaced: string;
}

/** Makes a copy of a database that no server uses. `url`: as its owner. */
export function copyDatabase(url: string): Promise<void> {
  return fromOutside(
    url,
    (sql, { name, copy }) => sql`CREATE DATABASE ${sql(copy)} TEMPLATE ${sql(name)}`,
  );
}

/** Atomically replaces the database by the copy, and drops the former database. */
export async function restoreDatabase(url: string): Promise<void> {
  await fromOutside(url, (sql, { name, copy, replaced }) =>
    sql.begin(async (both) => {
      await both`ALTER DATABASE ${both(name)} RENAME TO ${both(replaced)}`;
      await both`ALTER DATABASE ${both(copy)} RENAME TO ${both(name)}`;
    }),
  );
  await dropCopies(url);
}

/** Drops what `copyDatabase` and `restoreDatabase` may have left. Safe to call again. */
export function dropCopies(url: string): Promise<void> {
  return fromOutside(url, async (sql, { copy, replaced }) => {
    await sql`DROP DATABASE IF EXISTS ${sql(copy)} WITH (FORCE)`;
    await sql`DROP DATABASE IF EXISTS ${sql(replaced)} WITH (FORCE)`;
  });
}

/** Runs statements on another database of the server, with the sessions of this one ended. */
async function fromOutside(url: string, work: (sql: Sql, names: Names) => Promise<unknown>) {
  const place = new URL(url);
  const name = place.pathname.slice(1);
  place.pathname = '/postgres';
  const names = { name, copy: `${name}_copy`, replaced: `${name}_replaced` };
  const sql = connect(place.href, 1);
  try {
    for (let tries = 1; ; tries += 1) {
      await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${name}`;
      try {
        await work(sql, names);
        return;
      } catch (error) {
        if (tries === TRIES) throw error;
        await sleep(AGAIN_MS);
      }
    }
  } finally {
    await sql.end({ timeout: 1 });
  }
}
