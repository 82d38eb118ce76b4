import postgres from 'postgres';

/**
 * Creates a book's database and its roles where they are missing. Safe to run again.
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
  } finally {
    await sql.end({ timeout: 5 });
  }
}
