import { setImmediate as nextTurn } from 'node:timers/promises';
import { accountId } from '../../ledger/core/account-id.ts';
import { must } from '../../ledger/core/assert.ts';
import type { Book } from '../../ledger/core/book.ts';
import { chainAfterBytes } from '../../ledger/core/chain.ts';
import { type KnownIds, PlainBatch } from '../../ledger/core/plain/plain-batch.ts';
import { scanPlain } from '../../ledger/core/plain/scan-plain.ts';
import type { BookState } from '../../ledger/core/post/book-state.ts';
import type { Command } from '../../ledger/core/post/command.ts';
import { post } from '../../ledger/core/post/post.ts';
import { Random } from '../../ledger/core/random.ts';
import { encodeRows } from '../../ledger/core/row-bytes.ts';
import { AccountCache } from '../../ledger/leader/account-cache.ts';
import { JournalPartitions } from '../../ledger/leader/partitions/journal-partitions.ts';
import { PartitionKeeper } from '../../ledger/leader/partitions/partition-keeper.ts';
import { roomForTakeOver } from '../../ledger/leader/partitions/take-over-partitions.ts';
import { takeOver } from '../../ledger/leader/take-over.ts';
import { ledgerTuning } from '../../ledger/ledger-tuning.ts';
import type { Logger } from '../../ledger/logger.ts';
import type { Append, Head } from '../../ledger/store/append-batch.ts';
import { connect, type Sql } from '../../ledger/store/postgres/connect.ts';
import { PostgresStore } from '../../ledger/store/postgres/postgres-store.ts';
import { PostRequest } from '../../proto/gen/meridian/internal/v1/book.ts';
import { OpenAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import type { CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { note } from '../../regions/terminal/print.ts';
import { AcknowledgedTally } from './acknowledged-tally.ts';
import { drawTransfer, EncodedCall } from './encoded-requests.ts';
import type { LoadResult, RawJob } from './job.ts';
import { newHistogram, RateMeter, record, summary } from './meter.ts';
import { TimeOrderedKeys } from './time-ordered-keys.ts';

const SEED = 20_261_123;
const BOOK: Book = { number: 1, name: 'raw-1', region: 'raw' };
const ACCOUNTS_PER_BATCH = 4_000;
/** Requests are encoded in advance and used again with new keys, as the generator does it. */
const DIFFERENT_REQUESTS = 16;
const TIMEOUT_MS = 60_000;
/** A batch waits for its partition even on a machine that is busy with other things. */
const REACH_MS = 30_000;
const NOTHING_KNOWN: KnownIds = { has: () => false };

/** What a batch adds to a head besides its rows. */
type Content = Pick<Append, 'plain' | 'rows' | 'rowBytes' | 'opened'>;

/**
 * The ceiling: the ledger's own reading of a request's bytes, plain lane, hash chain, partitions
 * and statement in a bare loop on one connection, with no server in front. Everything that a
 * ledger server adds (streams, queues, known keys, answers) can only cost on top of it.
 */
export class RawBook {
  readonly #sql: Sql;
  readonly #store: PostgresStore;
  readonly #accounts = new AccountCache(BOOK.number);
  readonly #keys = new TimeOrderedKeys();
  readonly #partitions: JournalPartitions;
  readonly #stopKeeper: () => Promise<void>;
  #head: Head;
  #requests: readonly EncodedCall[] = [];
  #next = 0;

  private constructor(
    sql: Sql,
    head: Head,
    partitions: JournalPartitions,
    stopKeeper: () => Promise<void>,
  ) {
    this.#sql = sql;
    this.#store = new PostgresStore(sql, BOOK);
    this.#head = head;
    this.#partitions = partitions;
    this.#stopKeeper = stopKeeper;
  }

  /**
   * Takes an empty book over and opens its accounts.
   * @param itemsPerBatch transfers of the batches that will be posted
   * @param rows of each partition of the journal
   */
  static async open(
    databaseUrl: string,
    accounts: number,
    itemsPerBatch: number,
    rows = ledgerTuning.journalPartitionRows,
  ): Promise<RawBook> {
    const sql = connect(databaseUrl, 1);
    const store = new PostgresStore(sql, BOOK);
    const before = await store.readHead();
    await roomForTakeOver(store.partitions, before.seq, rows, toStandardError);
    const taken = await takeOver(store, before, 'bench', Date.now() * 1_000);
    const head = must(taken, 'no other process takes the book over');
    const partitions = await JournalPartitions.load(store.partitions, head.seq, REACH_MS);
    const stopKeeper = keepPartitions(databaseUrl, partitions, rows, head.epoch);
    const book = new RawBook(sql, head, partitions, stopKeeper);
    for (let first = 0; first < accounts; first += ACCOUNTS_PER_BATCH) {
      const size = Math.min(ACCOUNTS_PER_BATCH, accounts - first);
      await book.#open(Array.from({ length: size }, (_, index) => opening(first + index)));
    }
    const ids = BigInt64Array.from({ length: accounts }, (_, index) =>
      accountId(BOOK.number, index + 1),
    );
    const parties = { payers: ids, payees: [{ accounts: ids, share: 1 }] };
    const random = new Random(SEED);
    book.#requests = Array.from({ length: DIFFERENT_REQUESTS }, () => {
      const transfers = Array.from({ length: itemsPerBatch }, () => drawTransfer(parties, random));
      return new EncodedCall(transfers, undefined, encodePost);
    });
    return book;
  }

  /** Posts batch after batch until the window ends. */
  async run({ window }: RawJob): Promise<LoadResult> {
    const meter = new RateMeter(window, performance.now());
    const latency = newHistogram();
    const tally = new AcknowledgedTally('');
    let request = this.#draw();
    let bytes = request.withFreshKeys(this.#keys);
    while (performance.now() < meter.endsAt) {
      const { items, effects } = request;
      const begun = performance.now();
      const posting = this.#post(bytes);
      // The next request is made while the database works: it is no part of the ceiling. The
      // driver sends its query only after this turn of the event loop.
      await nextTurn();
      request = this.#draw();
      bytes = request.withFreshKeys(this.#keys);
      await posting;
      const now = performance.now();
      const counts = { posted: items, inTransit: 0, held: 0, released: 0, refused: 0 };
      tally.add(items, counts, effects);
      meter.completed(items, now);
      if (now >= meter.startsAt) record(latency, now - begun);
    }
    return {
      acknowledged: [tally.acknowledged],
      failedCalls: 0,
      unsentCalls: 0,
      errors: [],
      perSecond: meter.perSecond,
      latency: summary(latency),
      sendDelay: undefined,
      processorSeconds: undefined,
    };
  }

  async close(): Promise<void> {
    await this.#stopKeeper();
    await this.#sql.end({ timeout: 1 });
  }

  /** The next request, whose bytes no batch refers to any more. */
  #draw(): EncodedCall {
    const request = must(this.#requests[this.#next], 'requests were encoded');
    this.#next = (this.#next + 1) % this.#requests.length;
    return request;
  }

  /** One batch of the plain lane as the leader has it: read, post, extend the chain, append. */
  async #post(request: Buffer): Promise<void> {
    const { epoch, seq: seqBefore, chain } = this.#head;
    const items = must(scanPlain(request, BOOK.number), 'all transfers are plain');
    const atMicros = this.#nextMicros();
    const stamp = { book: BOOK.number, epoch, seqBefore, atMicros };
    const { columns } = items;
    const batch = new PlainBatch(columns.count, stamp);
    this.#accounts.begin();
    for (let place = 0; place < columns.count; place += 1) {
      if (batch.post(columns, place, this.#accounts, NOTHING_KNOWN)) continue;
      throw new Error('the plain lane has left transfers to the general one');
    }
    const plain = { count: batch.count, bytes: batch.rows };
    const chainAfter = chainAfterBytes(chain, batch.rows);
    await this.#append({ plain, rows: [], opened: [] }, chainAfter, atMicros);
    this.#accounts.committed();
  }

  async #open(commands: readonly Command[]): Promise<void> {
    const atMicros = this.#nextMicros();
    const { rows, opened, accounts } = post(this.#state(), commands, atMicros);
    const rowBytes = encodeRows(rows);
    const chainAfter = chainAfterBytes(this.#head.chain, rowBytes.bytes);
    await this.#append({ rows, rowBytes, opened }, chainAfter, atMicros);
    for (const account of accounts.values()) this.#accounts.set(account);
  }

  async #append(content: Content, chainAfter: Buffer, atMicros: number): Promise<void> {
    const { epoch, seq: seqBefore, accounts } = this.#head;
    const seqAfter = seqBefore + content.rows.length + (content.plain?.count ?? 0);
    const accountsAfter = accounts + content.opened.length;
    const move = { seqBefore, seqAfter, chainAfter, atMicros, accountsAfter };
    const batch: Append = {
      head: { epochBefore: epoch, epochAfter: epoch, ...move },
      ...content,
      channels: [],
      registered: [],
      swept: null,
      regionBooks: null,
    };
    if (!(await this.#partitions.admits(batch))) throw new Error('an id is there already');
    if (!(await this.#store.append(batch))) throw new Error('the head of the raw book has moved');
    this.#partitions.committed(batch);
    this.#head = {
      ...this.#head,
      seq: seqAfter,
      chain: chainAfter,
      atMicros,
      accounts: accountsAfter,
    };
  }

  #nextMicros(): number {
    return Math.max(Date.now() * 1_000, this.#head.atMicros + 1);
  }

  #state(): BookState {
    const { epoch, seq, accounts } = this.#head;
    return {
      book: BOOK.number,
      epoch,
      seq,
      accounts,
      bookNames: new Map([[BOOK.number, BOOK.name]]),
      regionBooks: [],
      isBeingOpened: () => false,
      account: (id) => this.#accounts.get(id),
      transitAccountId: () => undefined,
      channel: () => undefined,
      original: () => undefined,
      scaleOf: () => undefined,
    };
  }
}

const noteOf = (message: string, fields: object = {}): void =>
  note(`a: ${message} ${JSON.stringify(fields)}`);

/** What should not happen is shown. */
const toStandardError: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: noteOf,
  error: noteOf,
};

/**
 * Adds partitions and builds their indexes next to the loop, as next to a leader. Returns what
 * ends it.
 */
function keepPartitions(
  databaseUrl: string,
  partitions: JournalPartitions,
  rows: number,
  epoch: number,
): () => Promise<void> {
  const sql = connect(databaseUrl, 1);
  const { partitions: store } = new PostgresStore(sql, BOOK);
  const keeper = new PartitionKeeper({ store, partitions, log: toStandardError, rows, epoch });
  // A bug in it ends the process, and the part with it.
  const running = keeper.run();
  return async () => {
    keeper.stop();
    await running;
    await sql.end({ timeout: 1 });
  };
}

/** As a router sends them to a ledger server. */
function encodePost(transfers: readonly CreateTransferRequest[]): Uint8Array {
  const timeoutMs = transfers.map(() => TIMEOUT_MS);
  return PostRequest.encode({ batch: 1n, transfers: [...transfers], timeoutMs }).finish();
}

function opening(index: number): Command {
  const request: OpenAccountRequest = {
    ...OpenAccountRequest.fromPartial({}),
    externalId: `raw-${index}`,
    homeRegion: BOOK.region,
    asset: 'EUR',
    min: { $case: 'noMinBalance', value: true },
  };
  return { kind: 'open', request, regionBooks: [] };
}
