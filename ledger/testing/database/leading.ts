import { Redis } from 'ioredis';
import { inject } from 'vitest';
import { BatchOutcome } from '../../../proto/gen/meridian/internal/v1/book.ts';
import type { OpenAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import type {
  CreateTransferRequest,
  CreateTransferResponse,
} from '../../../proto/gen/meridian/v1/transfer.ts';
import { KeyCache } from '../../keys/key-cache.ts';
import type { OpenAnswer } from '../../leader/answers.ts';
import { AccountCache } from '../../leader/account-cache.ts';
import { BookLeader } from '../../leader/book-leader.ts';
import { BookMemory } from '../../leader/book-memory.ts';
import { KnownOutcomes } from '../../leader/known-outcomes.ts';
import { JournalPartitions } from '../../leader/partitions/journal-partitions.ts';
import { PartitionKeeper } from '../../leader/partitions/partition-keeper.ts';
import {
  completePartitions,
  roomForTakeOver,
} from '../../leader/partitions/take-over-partitions.ts';
import { takeOver } from '../../leader/take-over.ts';
import type { LateResult, TransferWork } from '../../leader/work.ts';
import type { Logger } from '../../logger.ts';
import { connect, type Sql } from '../../store/postgres/connect.ts';
import { PostgresPartitions } from '../../store/postgres/partitions.ts';
import type { Book } from '../../core/book.ts';
import type { LedgerTuning } from '../../ledger-tuning.ts';
import { mixedItems } from '../books/plain-works.ts';
import { indexOf } from '../../core/plain/scan-plain.ts';
import { must } from '../../core/assert.ts';
import { mixedResults } from '../../service/mixed-results.ts';
import type { Head } from '../../store/append-batch.ts';
import type { TestDatabase } from './database.ts';
import { PostgresStore } from '../../store/postgres/postgres-store.ts';

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
  /** Rows of a new partition of the journal; by default the large one of the template suffices. */
  readonly partitionRows?: number;
  /** As in LedgerTuning: 0 for a book whose partitions are all bare until they are full. */
  readonly bareAbove?: number;
  /** How long a batch waits for a partition. Undefined: longer than a busy machine takes. */
  readonly reachMs?: number;
  /** Accounts that the leader remembers, but for those that it must. Undefined: all. */
  readonly accountsKept?: number;
  /** Undefined: nothing is logged. */
  readonly log?: Logger;
  readonly tuning?: LedgerTuning;
}

const onBug = (error: unknown): never => {
  throw error;
};

interface LeadingHelpers {
  readonly keys: KeyCache | undefined;
  readonly keeper: PartitionKeeper;
  readonly kept: Promise<void>;
}

/** A leader of a book in this process, and what tests ask of it. */
export class Leading {
  readonly leader: BookLeader;
  readonly head: Head;
  /** Why it stepped down, once it has. */
  readonly ended: Promise<string>;
  readonly late: LateResult[] = [];
  /** Transfers that the plain lane has posted. */
  plainPosted = 0;
  readonly #connections: readonly Sql[];
  readonly #helpers: LeadingHelpers;

  private constructor(
    connections: readonly Sql[],
    head: Head,
    leader: BookLeader,
    helpers: LeadingHelpers,
  ) {
    this.#connections = connections;
    this.#helpers = helpers;
    this.head = head;
    this.leader = leader;
    this.ended = leader.run();
    // Tests that need the reason await it; for the others the rejection must not be unhandled.
    this.ended.catch(nothing);
  }

  get partitionAlarms(): readonly string[] {
    return this.#helpers.keeper.alarms;
  }

  /** Takes the book over, however busy its leader is, and leads it. */
  static async over(database: TestDatabase, options: LeadOptions = {}): Promise<Leading> {
    const { book = BOOKS[0], partitionRows = 100_000, log = SILENT } = options;
    const sql = connect(database.ledgerUrl, 1);
    const reads = connect(database.ledgerUrl, 2);
    const store = new PostgresStore(sql, book);
    const address = options.address ?? '127.0.0.1:1';
    const { seq } = await store.readHead();
    await roomForTakeOver(store.partitions, seq, partitionRows, log);
    let head: Head | undefined;
    // A leader that is busy moves the head all the time.
    while (head === undefined) {
      head = await takeOver(store, await store.readHead(), address, Date.now() * 1000);
    }
    await completePartitions(store.partitions, log);
    const reachMs = options.reachMs ?? 30_000;
    const partitions = await JournalPartitions.load(store.partitions, head.seq, reachMs);
    const accounts = new AccountCache(book.number, options.accountsKept);
    const memory = await BookMemory.load(store, book, BOOKS, head, accounts);
    memory.follow(partitions);
    const withRedis = options.withRedis === true;
    const keys = withRedis ? await cacheOf(head, options.tuning) : undefined;
    const stored = new PostgresStore(reads, book);
    const known = new KnownOutcomes(stored, book.number, keys, options.tuning, partitions.ids);
    const nowMicros = options.nowMicros ?? (() => Date.now() * 1_000);
    const leader = new BookLeader({
      store,
      memory,
      known,
      partitions,
      log: SILENT,
      nowMicros,
      onSent: nothing,
      onBug,
      ...(options.tuning === undefined ? {} : { tuning: options.tuning }),
    });
    const own = connect(database.ledgerUrl, 1);
    const keeper = new PartitionKeeper({
      store: new PostgresPartitions(own),
      partitions,
      log,
      rows: partitionRows,
      epoch: head.epoch,
      bareAbove: options.bareAbove,
    });
    const kept = keeper.run();
    kept.catch(nothing);
    return new Leading([sql, reads, own], head, leader, { keys, keeper, kept });
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

  /** The same as they come over the wire: by the plain lane, as far as they are plain. */
  async send(
    requests: readonly CreateTransferRequest[],
    stream?: object,
  ): Promise<CreateTransferResponse[]> {
    const items = mixedItems(requests, this.leader.memory.book.number);
    const on = stream === undefined ? {} : { stream };
    const onLate = (results: LateResult[]) => this.late.push(...results);
    return new Promise((resolve, reject) => {
      if (items === undefined) {
        const startBefore = requests.map(() => Infinity);
        const callbacks = { onOutcome: resolve, onLate, onFailure: reject };
        this.leader.submit({ ...on, kind: 'transfers', requests, startBefore, ...callbacks });
        return;
      }
      const { mixed, count } = items;
      this.leader.submit({
        ...on,
        kind: 'plain',
        items,
        others: mixed && { requests: mixed.others.map(({ index }) => requestAt(requests, index)) },
        arrived: performance.now(),
        requestOf: (place) => requestAt(requests, indexOf(items, place)),
        onOutcome: ({ posted, general }) => {
          this.plainPosted += count - (general?.results.length ?? 0);
          const results = general === undefined ? posted : mixedResults(posted, general, count);
          resolve(BatchOutcome.decode(results).results);
        },
        onLate,
        onFailure: reject,
      });
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
    this.#helpers.keys?.close();
    this.#helpers.keeper.stop();
    await this.#helpers.kept;
    for (const connection of this.#connections) await connection.end({ timeout: 1 });
  }
}

function requestAt(requests: readonly CreateTransferRequest[], index: number) {
  return must(requests[index], 'every item has its request');
}

async function cacheOf({ instance }: Head, tuning?: LedgerTuning): Promise<KeyCache> {
  const keys = new KeyCache(inject('servers').redisUrl, instance, SILENT, tuning);
  for (let tries = 0; tries < 2_000 && !keys.up; tries += 1) {
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

/** Names of the two sets of a book's ids in Redis; a new book uses the first. */
export function idSets({ head }: Leading): [string, string] {
  return [`meridian:ids:{${head.instance}}:a`, `meridian:ids:{${head.instance}}:b`];
}
