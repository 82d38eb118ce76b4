import { connect, type Sql } from '../../../ledger/store/connect.ts';

/** Runs statements as the owner of a database that is not in use, on another one of its server. */
async function fromOutside(url: string, work: (sql: Sql, name: string) => Promise<unknown>) {
  const place = new URL(url);
  const name = place.pathname.slice(1);
  place.pathname = '/postgres';
  const sql = connect(place.href, 1);
  try {
    // A server that was just killed may still have its connections.
    await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${name}`;
    await work(sql, name);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Makes a copy of a database. */
export function copyDatabase(url: string): Promise<void> {
  return fromOutside(
    url,
    (sql, name) => sql`CREATE DATABASE ${sql(`${name}_copy`)} TEMPLATE ${sql(name)}`,
  );
}

/** Puts the copy in the place of the database. */
export function restoreDatabase(url: string): Promise<void> {
  return fromOutside(url, async (sql, name) => {
    await sql`DROP DATABASE ${sql(name)} WITH (FORCE)`;
    await sql`ALTER DATABASE ${sql(`${name}_copy`)} RENAME TO ${sql(name)}`;
  });
}
