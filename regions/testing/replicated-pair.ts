import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import { connect, type Sql } from '../../ledger/store/postgres/connect.ts';
import { migrate } from '../../ledger/store/postgres/migrate.ts';
import { endFolder, makeFolder } from './folder.ts';
import { findFreeBase } from '../processes/ports.ts';
import { type DatabaseUrls, type PostgresServer, preparePostgres } from '../supervisor/postgres.ts';
import { probePostgres } from '../processes/probes.ts';
import { signalPostgres } from '../supervisor/postgres-tree.ts';

const TEMPLATE = 'template_book';
const PASSWORDS = { postgres: 'test-owner', ledger: 'test-ledger', auditor: 'test-auditor' };

/** URLs of one book's database at both servers of a pair. */
export interface PairBook {
  readonly name: string;
  readonly first: DatabaseUrls;
  readonly second: DatabaseUrls;
}

/**
 * A Postgres, its synchronous streaming standby, and a standby of the standby.
 */
export class ReplicatedPair {
  readonly first: PostgresServer;
  readonly second: PostgresServer;
  /** The standby of the standby. */
  readonly third: PostgresServer;
  /** The first as its owner. */
  readonly admin: Sql;
  readonly #folder: string;

  private constructor(
    folder: string,
    servers: readonly [PostgresServer, PostgresServer, PostgresServer],
  ) {
    this.#folder = folder;
    [this.first, this.second, this.third] = servers;
    this.admin = connect(this.first.urls('postgres').adminUrl, 2);
  }

  static async start(): Promise<ReplicatedPair> {
    const folder = makeFolder();
    const port = await findFreeBase(3);
    const prepare = (name: string, offset: number) =>
      preparePostgres({
        name: `test/${name}`,
        directory: join(folder, name),
        port: port + offset,
        databases: [TEMPLATE],
        passwords: PASSWORDS,
        logFile: join(folder, `${name}.log`),
        pidFile: join(folder, `${name}.pid`),
      });
    const first = await prepare('first', 0);
    await first.start();
    await migrate(first.urls(TEMPLATE).adminUrl);
    await first.process.stop();
    makeStandby(folder, 'second', port);
    makeStandby(folder, 'third', port + 1);
    const servers = [first, await prepare('second', 1), await prepare('third', 2)] as const;
    for (const server of servers) await server.start();
    const pair = new ReplicatedPair(folder, servers);
    await pair.waitForSecond();
    return pair;
  }

  /** From now on commits of the first wait until the second has them, as at the start. */
  async waitForSecond(): Promise<void> {
    await setStandbys(this.first, 'second');
    await untilTrue(async () => {
      const rows = await this.admin`
        SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'`;
      return rows.length === 1;
    });
  }

  /** From now on commits of the first wait for a standby that does not exist. */
  waitForAbsentStandby(): Promise<void> {
    return setStandbys(this.first, 'absent');
  }

  /** A new book, which no server has led. */
  async newBook(): Promise<PairBook> {
    const name = `book_${randomBytes(4).toString('hex')}`;
    await this.admin`CREATE DATABASE ${this.admin(name)} TEMPLATE ${this.admin(TEMPLATE)}`;
    const book = { name, first: this.first.urls(name), second: this.second.urls(name) };
    // A commit waits until the standby has it on disk; it shows it a moment later.
    await untilTrue(() => probePostgres(book.second.adminUrl));
    return book;
  }

  /** Process ids of the ledger's sessions of a book whose commits wait for a standby. */
  async waiting({ name }: PairBook): Promise<number[]> {
    const rows = await this.admin<{ pid: number }[]>`
      SELECT pid FROM pg_stat_activity
       WHERE datname = ${name} AND usename = 'meridian_ledger' AND wait_event = 'SyncRep'`;
    return rows.map(({ pid }) => pid);
  }

  /** The session of the ledger whose commit waits for a standby, as soon as there is one. */
  async oneWaiting(book: PairBook): Promise<number> {
    let pid: number | undefined;
    await untilTrue(async () => {
      [pid] = await this.waiting(book);
      return pid !== undefined;
    });
    return must(pid, 'a commit waits');
  }

  /** Path of a file in the data directory of a server. */
  fileOf(which: 'first' | 'second' | 'third', file: string): string {
    return join(this.#folder, which, file);
  }

  /** Signals a server and all its children. */
  signal(which: 'first' | 'second', signal: NodeJS.Signals): void {
    signalPostgres(join(this.#folder, which), signal);
  }

  /** @param failed keeps the data */
  async stop(failed: boolean): Promise<void> {
    await this.admin.end({ timeout: 1 });
    await this.third.process.stop('SIGQUIT');
    await this.second.process.stop('SIGQUIT');
    await this.first.process.stop('SIGQUIT');
    endFolder(this.#folder, failed);
  }
}

/** Makes a standby from the data of the first, which must be stopped. */
function makeStandby(folder: string, name: string, ofPort: number): void {
  const directory = join(folder, name);
  execFileSync('cp', ['-a', join(folder, 'first'), directory]);
  rmSync(join(directory, 'postmaster.pid'), { force: true });
  writeFileSync(join(directory, 'standby.signal'), '');
  appendFileSync(
    join(directory, 'postgresql.auto.conf'),
    `primary_conninfo = '${loginTo(ofPort, name)}'\nwal_receiver_status_interval = 1\n`,
  );
}

/** How the standby of this name logs in to the server at a port. */
const loginTo = (port: number, name: string) =>
  `host=127.0.0.1 port=${port} user=postgres password=${PASSWORDS.postgres} application_name=${name}`;

/** Has the standby of this name follow another server; undefined: none. */
export async function follow(
  standby: PostgresServer,
  name: string,
  upstream: PostgresServer | undefined,
): Promise<void> {
  const login = upstream === undefined ? '' : loginTo(upstream.port, name);
  await configure(standby, { primary_conninfo: login });
}

/** Sets the standbys that the commits of a server wait for. */
export async function setStandbys(server: PostgresServer, names: string): Promise<void> {
  await configure(server, { synchronous_standby_names: names });
  // What releases a commit is the process that serves a standby, once it has read the setting.
  await asOwner(server, (sql) =>
    untilTrue(async () => {
      const rows = await sql<{ name: string; priority: number }[]>`
        SELECT application_name AS name, sync_priority AS priority FROM pg_stat_replication`;
      return rows.every(({ name, priority }) => priority > 0 === names.includes(name));
    }),
  );
}

/** Changes settings of a running server; resolves once all its processes have been signalled. */
export async function configure(
  server: PostgresServer,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const entries = Object.entries(settings);
  await asOwner(server, async (sql) => {
    for (const [name, value] of entries) await sql.unsafe(`ALTER SYSTEM SET ${name} = '${value}'`);
    await sql`SELECT pg_reload_conf()`;
  });
  // The postmaster reads the settings, signals its processes and starts the next session, in this
  // order: a session that starts with the settings shows that the others have been signalled.
  const [name, value] = must(entries.at(-1), 'a setting is given');
  await untilTrue(() =>
    asOwner(server, async (sql) => {
      const [row] = await sql<{ current: string }[]>`SELECT current_setting(${name}) AS current`;
      return row?.current === value;
    }),
  );
}

/** Runs statements in a session of its own of a server's owner. */
async function asOwner<T>(server: PostgresServer, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = connect(server.urls('postgres').adminUrl, 1);
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function untilTrue(condition: () => Promise<boolean>): Promise<void> {
  const look = async () => {
    if (!(await condition())) throw new Error('the condition does not become true');
  };
  await vi.waitFor(look, { timeout: 30_000, interval: 30 });
}
