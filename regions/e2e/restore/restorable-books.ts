import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import type { Logger } from '../../../ledger/logger.ts';
import { LedgerServer } from '../../../ledger/service/ledger-server.ts';
import { connect, type Sql } from '../../../ledger/store/postgres/connect.ts';
import type { Book } from '../../../ledger/core/book.ts';
import { BookServiceClient } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { RouterServer } from '../../../router/router-server.ts';
import { findFreeBase } from '../../processes/ports.ts';
import { insecureLinks } from '../../../ledger/rpc/tls/credentials.ts';

const BOOKS: readonly Book[] = [
  { number: 1, name: 'eu-west-1', region: 'eu-west' },
  { number: 2, name: 'us-east-1', region: 'us-east' },
  { number: 3, name: 'ap-south-1', region: 'ap-south' },
];

interface Running {
  readonly server: LedgerServer;
  readonly ended: Promise<void>;
}

/** Servers of some books in this process, whose databases can be replaced by older copies. */
export class RestorableBooks {
  readonly routerAddress: string;
  /** Messages that the servers have logged as errors. */
  readonly errors: string[] = [];
  readonly #log: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (message) => this.errors.push(message),
  };
  readonly #books: readonly Book[];
  readonly #base: number;
  readonly #prefix = `restorable_${randomBytes(4).toString('hex')}`;
  readonly #admin: Sql;
  readonly #running = new Map<number, Running>();
  /** Books that are led by the server of their other copy, at an address of its own. */
  readonly #promoted = new Set<number>();
  #router: RouterServer;
  #copies = 0;

  private constructor(books: readonly Book[], base: number) {
    this.#books = books;
    this.#base = base;
    this.#admin = connect(urlOf(inject('servers').adminUrl, 'postgres'), 1);
    this.routerAddress = `127.0.0.1:${base}`;
    this.#router = this.#newRouter();
  }

  static async start(count: number): Promise<RestorableBooks> {
    const books = BOOKS.slice(0, count);
    const made = new RestorableBooks(books, await findFreeBase(2 * count + 1));
    for (const { number } of books) {
      await made.#create(made.#database(number), inject('servers').template);
    }
    await made.#router.start();
    for (const { number } of books) made.startBook(number);
    return made;
  }

  get urls(): string[] {
    return this.#books.map(({ number }) => this.url(number));
  }

  /** Of a book's database, as its owner. */
  url(number: number): string {
    return urlOf(inject('servers').adminUrl, this.#database(number));
  }

  /** A client of the book's server, which the caller closes. */
  client(number: number): BookServiceClient {
    return new BookServiceClient(this.#address(number), insecureLinks.channelTo('ledger'));
  }

  startBook(number: number): void {
    const book = this.#books.find((each) => each.number === number);
    if (book === undefined) throw new Error(`there is no book ${number}`);
    const server = new LedgerServer(
      {
        book,
        books: this.#books,
        address: this.#address(number),
        listen: this.#address(number),
        security: insecureLinks,
        ledgers: this.#ledgers,
        databaseUrl: urlOf(inject('servers').ledgerUrl, this.#database(number)),
        redisUrl: undefined,
        replicated: false,
        serverRegion: this.#promoted.has(number) ? 'ap-south' : book.region,
      },
      this.#log,
    );
    this.#running.set(number, { server, ended: server.run() });
  }

  async stopBook(number: number): Promise<void> {
    const running = this.#running.get(number);
    this.#running.delete(number);
    running?.server.stop();
    await running?.ended;
  }

  /** A copy of the book's database as it is now. */
  async copy(number: number): Promise<string> {
    this.#copies += 1;
    const name = `${this.#prefix}_copy_${this.#copies}`;
    await this.stopBook(number);
    await this.#create(name, this.#database(number));
    this.startBook(number);
    return name;
  }

  /** Replaces the book's database by a copy; without one, by an empty database. */
  async restore(number: number, copy = inject('servers').template): Promise<void> {
    await this.stopBook(number);
    await this.#drop(this.#database(number));
    await this.#create(this.#database(number), copy);
    this.startBook(number);
  }

  /**
   * Replaces the databases of some books by copies while every server is down, so that no
   * server remembers a lost epoch.
   */
  async restoreAll(copies: ReadonlyMap<number, string>): Promise<void> {
    await this.#router.stop();
    for (const { number } of this.#books) await this.stopBook(number);
    for (const [number, copy] of copies) {
      await this.#drop(this.#database(number));
      await this.#create(this.#database(number), copy);
    }
    this.#router = this.#newRouter();
    await this.#router.start();
    for (const { number } of this.#books) this.startBook(number);
  }

  /**
   * Stops the leader permanently and lets the server of another region lead with a lagging copy, as
   * `failover --accept-loss` does. Its epoch is newer than the lost one, as after a promotion.
   */
  async promote(number: number, copy: string): Promise<void> {
    const leading = connect(this.url(number), 1);
    const [head] = await leading<{ epoch: bigint }[]>`SELECT epoch FROM head`;
    await leading.end();
    await this.stopBook(number);
    await this.#drop(this.#database(number));
    await this.#create(this.#database(number), copy);
    const promoted = connect(this.url(number), 1);
    await promoted`UPDATE head SET epoch = ${Number(head?.epoch)}`;
    await promoted.end();
    this.#promoted.add(number);
    this.startBook(number);
  }

  async stop(): Promise<void> {
    const stopping = this.#books.map(({ number }) => this.stopBook(number));
    await Promise.all([this.#router.stop(), ...stopping]);
    const rows = await this.#admin<{ datname: string }[]>`
      SELECT datname FROM pg_database WHERE datname LIKE ${`${this.#prefix}%`}`;
    for (const { datname } of rows) await this.#drop(datname);
    await this.#admin.end();
  }

  #newRouter(): RouterServer {
    const listen = this.routerAddress;
    const options = {
      security: insecureLinks,
      access: undefined,
      listen,
      region: 'eu-west',
      books: this.#books,
      ledgers: this.#ledgers,
    };
    return new RouterServer(options, this.#log);
  }

  get #ledgers(): string[] {
    const count = this.#books.length;
    return Array.from({ length: 2 * count }, (_, index) => `127.0.0.1:${this.#base + 1 + index}`);
  }

  #address(number: number): string {
    const other = this.#promoted.has(number) ? this.#books.length : 0;
    return `127.0.0.1:${this.#base + number + other}`;
  }

  #database(number: number): string {
    return `${this.#prefix}_${number}`;
  }

  async #create(name: string, template: string): Promise<void> {
    await this.#admin`CREATE DATABASE ${this.#admin(name)} TEMPLATE ${this.#admin(template)}`;
  }

  async #drop(name: string): Promise<void> {
    await this.#admin`DROP DATABASE ${this.#admin(name)} WITH (FORCE)`;
  }
}

function urlOf(url: string, database: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${database}`;
  return parsed.href;
}
