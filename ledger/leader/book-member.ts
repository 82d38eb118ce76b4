import { setTimeout as sleep } from 'node:timers/promises';
import { KeyCache } from '../keys/key-cache.ts';
import type { Logger } from '../logger.ts';
import { Sender } from '../settlement/sender.ts';
import { connect, type Sql } from '../store/connect.ts';
import { type Book, type Head, readHead } from '../store/head.ts';
import { describe, isDatabaseError } from '../store/sqlstate.ts';
import { answersAsLeader, type Leaders } from '../rpc/leaders.ts';
import { BookLeader } from './book-leader.ts';
import { BookMemory } from './book-memory.ts';
import { Recall } from './recall.ts';
import { Sweeper } from './sweeper.ts';
import { takeOver } from './take-over.ts';

/** How often a standby looks at the leader, and how often it must fail to answer in a row. */
const PROBE_MS = 500;
const PROBES_FAILED_MAX = 3;
const READ_CONNECTIONS = 4;

export interface MemberConfig {
  readonly book: Book;
  readonly books: readonly Book[];
  /** Where other servers reach this one, HOST:PORT. */
  readonly address: string;
  readonly databaseUrl: string;
  readonly redisUrl: string | undefined;
}

/** What a member is doing for its book. */
export interface MemberStatus {
  readonly leading: boolean;
  /** Epoch in which it leads; 0 while it does not. */
  readonly epoch: number;
}

/**
 * A ledger server's part in one book: it leads, or stands by until the leader is gone. A leader
 * that is answering is never pushed aside; one that does not answer is, and fenced by the
 * epoch, however alive it may turn out to be.
 */
export class BookMember {
  readonly config: MemberConfig;
  /** Connections for reading. */
  readonly sql: Sql;
  readonly #leaders: Leaders;
  readonly #log: Logger;
  readonly #listeners = new Set<(status: MemberStatus) => void>();
  #leader: BookLeader | undefined;
  #stopped = false;

  constructor(config: MemberConfig, leaders: Leaders, log: Logger) {
    this.config = config;
    this.#leaders = leaders;
    this.#log = log;
    this.sql = connect(config.databaseUrl, READ_CONNECTIONS);
  }

  /** Undefined while this member does not lead. */
  get leader(): BookLeader | undefined {
    return this.#leader;
  }

  get status(): MemberStatus {
    const leader = this.#leader;
    return { leading: leader !== undefined, epoch: leader?.memory.epoch ?? 0 };
  }

  /** Calls back at every change of status. Returns how to stop it. */
  onStatus(listener: (status: MemberStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Leads or stands by until `stop`.
   * @throws Error that no database caused, above all InvariantError: the process must end
   */
  async run(): Promise<void> {
    let failed = 0;
    let lastWhy = '';
    while (!this.#stopped) {
      try {
        const head = await readHead(this.sql, this.config.book);
        if (this.#mayTakeOver(head, failed)) {
          failed = 0;
          lastWhy = '';
          await this.#lead(head);
        } else {
          failed = (await this.#probe(head)) ? 0 : failed + 1;
          await sleep(PROBE_MS);
        }
      } catch (error) {
        if (!isDatabaseError(error)) throw error;
        const why = describe(error);
        if (why !== lastWhy) this.#log.warn('the book cannot be reached', { why });
        lastWhy = why;
        await sleep(PROBE_MS / 2);
      }
    }
    await this.sql.end({ timeout: 5 });
  }

  /** Finishes what is queued, then ends `run`. */
  stop(): void {
    this.#stopped = true;
    this.#leader?.stop();
  }

  #mayTakeOver(head: Head, failed: number): boolean {
    // Nobody ever led it, or we did ourselves before a restart: no other can be leading.
    if (head.leader === '' || head.leader === this.config.address) return true;
    return failed >= PROBES_FAILED_MAX;
  }

  #probe(head: Head): Promise<boolean> {
    return answersAsLeader(head.leader, this.config.book.number, head.epoch, PROBE_MS);
  }

  async #lead(head: Head): Promise<void> {
    const { book, books, address, databaseUrl, redisUrl } = this.config;
    const sql = connect(databaseUrl, 1);
    const keys =
      redisUrl === undefined ? undefined : new KeyCache(redisUrl, head.instance, this.#log);
    try {
      const taken = await takeOver(sql, head, address, Date.now() * 1000);
      if (taken === undefined) return;
      const memory = await BookMemory.load(sql, book, books, taken);
      await this.#serve(sql, memory, new Recall(this.sql, book.number, keys));
    } finally {
      keys?.close();
      await sql.end({ timeout: 1 });
    }
  }

  async #serve(sql: Sql, memory: BookMemory, recall: Recall): Promise<void> {
    const { book, books } = this.config;
    const senders = new Map<number, Sender>();
    const log = this.#log;
    const onSent = (peerBook: number) => senders.get(peerBook)?.wake();
    const leader = new BookLeader({ sql, memory, recall, log, onSent });
    for (const { number } of books) {
      if (number === book.number) continue;
      const parts = { sql: this.sql, leader, leaders: this.#leaders, log };
      senders.set(number, new Sender(number, parts));
    }
    this.#setLeader(leader);
    log.info('leading', { epoch: memory.epoch, seq: memory.seq });
    const sweeper = new Sweeper(this.sql, leader, log);
    const helping = [sweeper.run(), ...[...senders.values()].map((sender) => sender.run())];
    if (this.#stopped) leader.stop();
    try {
      const reason = await leader.run();
      log.warn('stepped down', { epoch: memory.epoch, reason });
    } finally {
      this.#setLeader(undefined);
      sweeper.stop();
      for (const sender of senders.values()) sender.stop();
      await Promise.all(helping);
    }
  }

  #setLeader(leader: BookLeader | undefined): void {
    this.#leader = leader;
    for (const listener of this.#listeners) listener(this.status);
  }
}
