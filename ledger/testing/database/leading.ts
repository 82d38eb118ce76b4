import { Redis } from 'ioredis';
import { inject } from 'vitest';
import type { OpenAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import type {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { KeyCache } from '../../keys/key-cache.ts';
import type { OpenAnswer } from '../../leader/answers.ts';
import { BookLeader } from '../../leader/book-leader.ts';
import { BookMemory } from '../../leader/book-memory.ts';
import { KnownOutcomes } from '../../leader/known-outcomes.ts';
import { takeOver } from '../../leader/take-over.ts';
import type { LateResult, TransferWork } from '../../leader/work.ts';
import type { Logger } from '../../logger.ts';
import { connect, type Sql } from '../../store/connect.ts';
import type { Book } from '../../core/book.ts';
import { type Head, readHead } from '../../store/head.ts';
import type { TestDatabase } from './database.ts';

export const BOOKS: readonly [Book, Book] = [
  { number: 1, name: 'eu-west-1', region: 'eu-west' },
  { number: 2, name: 'us-east-1', region: 'us-east' },
];

const nothing = () => undefined;
export const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

export interface LeadOptions {
  readonly address?: string;
  readonly withRedis?: boolean;
  readonly nowMicros?: () => number;
  /** Undefined: the first of BOOKS. */
  readonly book?: Book;
}

const onBug = (error: unknown): never => {
  throw error;
};

/** A leader of a book in this process, and what tests ask of it. */
export class Leading {
  readonly leader: BookLeader;
  readonly head: Head;
  /** Why it stepped down, once it has. */
  readonly ended: Promise<string>;
  readonly late: LateResult[] = [];
  readonly #sql: Sql;
  readonly #reads: Sql;
  readonly #keys: KeyCache | undefined;

  private constructor(sql: Sql, reads: Sql, head: Head, leader: BookLeader, keys?: KeyCache) {
    this.#sql = sql;
    this.#reads = reads;
    this.#keys = keys;
    this.head = head;
    this.leader = leader;
    this.ended = leader.run();
    // Tests that need the reason await it; for the others the rejection must not be unhandled.
    this.ended.catch(nothing);
  }

  /** Takes the book over, however busy its leader is, and leads it. */
  static async over(database: TestDatabase, options: LeadOptions = {}): Promise<Leading> {
    const { book = BOOKS[0] } = options;
    const sql = connect(database.ledgerUrl, 1);
    const reads = connect(database.ledgerUrl, 2);
    const address = options.address ?? '127.0.0.1:1';
    let head: Head | undefined;
    // A leader that is busy moves the head all the time.
    while (head === undefined) {
      head = await takeOver(sql, await readHead(sql, book), address, Date.now() * 1000);
    }
    const memory = await BookMemory.load(sql, book, BOOKS, head);
    const withRedis = options.withRedis === true;
    const keys = withRedis ? await cacheOf(inject('servers').redisUrl, head) : undefined;
    const known = new KnownOutcomes(reads, book.number, keys);
    const nowMicros = options.nowMicros ?? (() => Date.now() * 1_000);
    const leader = new BookLeader({
      sql,
      memory,
      known,
      log: SILENT,
      nowMicros,
      onSent: nothing,
      onBug,
    });
    return new Leading(sql, reads, head, leader, keys);
  }

  /** Rejects with the LedgerError of the work. */
  transfer(
    requests: readonly CreateTransferRequest[],
    startBefore = Infinity,
  ): Promise<CreateTransferResponse[]> {
    return new Promise((resolve, reject) => {
      const work: TransferWork = {
        kind: 'transfers',
        requests,
        startBefore: requests.map(() => startBefore),
        onOutcome: resolve,
        onLate: (results) => this.late.push(...results),
        onFailure: reject,
      };
      this.leader.submit(work);
    });
  }

  open(requests: readonly OpenAccountRequest[]): Promise<OpenAnswer[]> {
    return new Promise((resolve, reject) => {
      this.leader.submit({ kind: 'open', requests, onOutcome: resolve, onFailure: reject });
    });
  }

  /** Ends it, whatever state it is in. */
  async stop(): Promise<void> {
    this.leader.stop();
    await this.ended.catch(nothing);
    this.#keys?.close();
    await this.#sql.end({ timeout: 1 });
    await this.#reads.end({ timeout: 1 });
  }
}

async function cacheOf(redisUrl: string, head: Head): Promise<KeyCache> {
  const keys = new KeyCache(redisUrl, head.instance, SILENT);
  for (let tries = 0; tries < 500 && !keys.up; tries += 1) {
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
  if (!keys.up) throw new Error('Redis does not come up');
  return keys;
}

/** A connection to the Redis of the tests. */
export function redisClient(): Redis {
  return new Redis(inject('servers').redisUrl);
}
