import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, inject } from 'vitest';
import { connect, type Sql } from '../../store/postgres/connect.ts';

/** The servers of the `pg` project; postgres-setup.ts starts them. */
export interface TestServers {
  /** Name of the migrated database that tests clone. The URLs lead to it. */
  readonly template: string;
  readonly adminUrl: string;
  readonly ledgerUrl: string;
  readonly auditorUrl: string;
  /** '' where no redis-server is installed. */
  readonly redisUrl: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    servers: TestServers;
  }
}

/** A database of one test's own, and connections that end with the test. */
export interface TestDatabase {
  readonly name: string;
  readonly adminUrl: string;
  readonly ledgerUrl: string;
  readonly auditorUrl: string;
  readonly admin: Sql;
  readonly ledger: Sql;
}

/**
 * Gives the tests of a file databases of their own. Those of a test that passed are dropped;
 * those of one that failed are kept, and their names printed.
 */
export function testDatabases(): (migrated?: boolean) => Promise<TestDatabase> {
  const servers = inject('servers');
  const admin = connect(urlOf(servers.adminUrl, 'postgres'), 1);
  let current: TestDatabase[] = [];
  afterEach(async ({ task }) => {
    const mine = current;
    current = [];
    for (const { name, ...database } of mine) {
      await database.admin.end({ timeout: 1 });
      await database.ledger.end({ timeout: 1 });
      if (task.result?.state === 'fail') {
        process.stderr.write(`kept for you: database ${name} of "${task.name}"\n`);
      } else {
        await admin`DROP DATABASE ${admin(name)} WITH (FORCE)`;
      }
    }
  });
  afterAll(() => admin.end());
  return async (migrated = true) => {
    const name = `${servers.template}_${randomBytes(4).toString('hex')}`;
    const template = migrated ? servers.template : 'template0';
    await admin`CREATE DATABASE ${admin(name)} TEMPLATE ${admin(template)}`;
    const database = {
      name,
      adminUrl: urlOf(servers.adminUrl, name),
      ledgerUrl: urlOf(servers.ledgerUrl, name),
      auditorUrl: urlOf(servers.auditorUrl, name),
    };
    const opened: TestDatabase = {
      ...database,
      admin: connect(database.adminUrl, 2),
      ledger: connect(database.ledgerUrl, 2),
    };
    current.push(opened);
    return opened;
  };
}

/** The same server and role, another database. */
function urlOf(url: string, database: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${database}`;
  return parsed.href;
}
