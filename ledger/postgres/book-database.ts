import postgres from 'postgres';

/**
 * The limits of an auditor in a book's Postgres. The connections and the temporary files are a
 * hard limit: the rest of `max_connections` is left to the ledger, which needs about ten of them
 * for each book and without which no take-over is possible. The times are defaults that an auditor can change
 * for a session of their own, at the price of nothing but the auditor's own connections.
 */
const AUDITOR_CONNECTIONS_MAX = 20;
const AUDITOR_SETTINGS = {
  statement_timeout: '10min',
  idle_in_transaction_session_timeout: '5min',
  idle_session_timeout: '1h',
  lock_timeout: '10s',
  temp_file_limit: '1GB',
};

/** The functions that create a large object; the rest need an existing one. */
const LARGE_OBJECT_MAKERS = 'lo_create(oid), lo_creat(int), lo_from_bytea(oid, bytea)';

/**
 * Creates a book's database and its roles where they are missing, and puts every database of the
 * server out of the reach of those who only read. Safe to run again: an installation of an older
 * version has the limits from its next start on.
 *
 * @param passwords of the roles; one without a password cannot log in with any
 * @param adminUrl the database `postgres` of the server, as the superuser
 */
export async function ensureDatabase(
  adminUrl: string,
  database: string,
  passwords: { readonly ledger: string | undefined; readonly auditor: string | undefined },
): Promise<void> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} });
  try {
    // A standby gets all of it from its primary, and can be written to by nothing else.
    const [standby] = await sql`SELECT 1 WHERE pg_is_in_recovery()`;
    if (standby !== undefined) return;
    const roles = { meridian_ledger: passwords.ledger, auditor: passwords.auditor };
    for (const [role, password] of Object.entries(roles)) {
      const [known] = await sql`SELECT 1 FROM pg_roles WHERE rolname = ${role}`;
      if (known !== undefined) continue;
      // A utility statement takes no parameters, so Postgres itself does the quoting.
      const [text] = await sql<{ create: string }[]>`
        SELECT format('CREATE ROLE %I LOGIN PASSWORD %L', ${role}::text, ${password ?? null}::text)
          AS create`;
      if (text !== undefined) await sql.unsafe(text.create);
    }
    const [known] = await sql`SELECT 1 FROM pg_database WHERE datname = ${database}`;
    if (known === undefined) await sql`CREATE DATABASE ${sql(database)} TEMPLATE template0`;
    await limitAuditor(sql);
    // Only the superuser needs access there.
    await sql`REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC`;
  } finally {
    await sql.end({ timeout: 5 });
  }
  for (const name of ['postgres', 'template1', database]) await closeDatabase(adminUrl, name);
}

async function limitAuditor(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`ALTER ROLE auditor CONNECTION LIMIT ${AUDITOR_CONNECTIONS_MAX}`);
  for (const [name, value] of Object.entries(AUDITOR_SETTINGS)) {
    await sql.unsafe(`ALTER ROLE auditor SET ${name} = '${value}'`);
  }
}

/** No temporary tables and no large objects in a database, but for its owner. */
async function closeDatabase(adminUrl: string, name: string): Promise<void> {
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  const sql = postgres(url.href, { max: 1, onnotice: () => {} });
  try {
    await sql`REVOKE TEMPORARY ON DATABASE ${sql(name)} FROM PUBLIC`;
    await sql.unsafe(`REVOKE EXECUTE ON FUNCTION ${LARGE_OBJECT_MAKERS} FROM PUBLIC`);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
