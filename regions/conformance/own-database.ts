import { randomBytes } from 'node:crypto';
import { connect, type Sql } from '../../ledger/store/postgres/connect.ts';

/** The roles that migrations name. They belong to the whole server. */
const ROLES = ['meridian_ledger', 'auditor'] as const;

/**
 * A database that exists for one run of the checks, and for the roles that books need. Roles that
 * the server has already are used as they are and stay.
 */
export class OwnDatabase {
  readonly name = `meridian_conformance_${randomBytes(6).toString('hex')}`;
  /** As the role that was given, which owns it. */
  readonly url: string;
  readonly #server: Sql;
  readonly #madeRoles: string[] = [];

  /**
   * @param server a connection to another database of the server
   * @param url of that connection, with its password
   */
  constructor(server: Sql, url: string) {
    this.#server = server;
    const own = new URL(url);
    own.pathname = `/${this.name}`;
    this.url = own.href;
  }

  /** As the role of the ledger, through the right of the owner to take it. */
  get ledgerUrl(): string {
    const url = new URL(this.url);
    url.searchParams.set('role', 'meridian_ledger');
    return url.href;
  }

  /** @throws PostgresError if the role that was given may not create databases */
  async create(): Promise<void> {
    // Whatever was put into the other template stays out.
    await this.#server`CREATE DATABASE ${this.#server(this.name)} TEMPLATE template0`;
  }

  /** @throws PostgresError if roles are lacking, and the one that was given may not create them */
  async makeRoles(): Promise<readonly string[]> {
    const sql = this.#server;
    for (const role of ROLES) {
      const [known] = await sql`SELECT 1 FROM pg_roles WHERE rolname = ${role}`;
      if (known !== undefined) continue;
      await sql`CREATE ROLE ${sql(role)} NOLOGIN`;
      this.#madeRoles.push(role);
    }
    for (const role of this.#madeRoles) await sql`GRANT ${sql(role)} TO CURRENT_USER`;
    return this.#madeRoles;
  }

  /** Drops the database, those of single tests, and the roles that were made. */
  async drop(): Promise<void> {
    const sql = this.#server;
    const names = await sql<{ datname: string }[]>`
      SELECT datname FROM pg_database WHERE starts_with(datname, ${this.name})`;
    for (const { datname } of names) await dropDatabase(sql, datname);
    for (const role of this.#madeRoles) await sql`DROP ROLE IF EXISTS ${sql(role)}`;
  }
}

/** Ends the connections that are left to it first: not each engine has WITH (FORCE). */
async function dropDatabase(sql: Sql, name: string): Promise<void> {
  await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${name}`;
  await sql`DROP DATABASE IF EXISTS ${sql(name)}`;
}

/** Works with a connection of its own, which is closed in the end. */
export async function withConnection<T>(url: string, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = connect(url, 1);
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 2 });
  }
}
