import { setImmediate as nextTurn } from 'node:timers/promises';
import { accountId } from '../../ledger/core/account-id.ts';
import type { Account } from '../../ledger/core/account.ts';
import { must } from '../../ledger/core/assert.ts';
import { chainAfter } from '../../ledger/core/chain.ts';
import type { Command } from '../../ledger/core/post/command.ts';
import type { BookState } from '../../ledger/core/post/book-state.ts';
import { post } from '../../ledger/core/post/post.ts';
import { takeOver } from '../../ledger/leader/take-over.ts';
import { append } from '../../ledger/store/append.ts';
import { connect, type Sql } from '../../ledger/store/connect.ts';
import type { Book } from '../../ledger/core/book.ts';
import { type Head, readHead } from '../../ledger/store/head.ts';
import { OpenAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import { type CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { Random } from '../../ledger/core/random.ts';
import { transfersOf } from './effects.ts';
import { drawTransfer } from './encoded-requests.ts';
import type { LoadResult, RawJob } from './job.ts';
import { newHistogram, RateMeter, record, summary } from './meter.ts';
import { AcknowledgedTally } from './acknowledged-tally.ts';
import { TimeOrderedKeys } from './time-ordered-keys.ts';

const SEED = 20_261_123;
const BOOK: Book = { number: 1, name: 'raw-1', region: 'raw' };
const ACCOUNTS_PER_BATCH = 4_000;
/** Transfers are drawn in advance and used again with new keys, as the generator does it. */
const DIFFERENT_TRANSFERS = 64_000;

interface Batch {
  readonly commands: readonly Command[];
  readonly amount: bigint;
}

/**
 * The ceiling: the ledger's own posting function, hash chain and statement in a bare loop on
 * one connection, with no server in front. Everything a ledger server adds (streams, queues,
 * known keys, answers) can only cost on top of it.
 */
export class RawBook {
  readonly #sql: Sql;
  readonly #accounts = new Map<bigint, Account>();
  readonly #keys = new TimeOrderedKeys();
  #head: Head;
  #transfers: readonly CreateTransferRequest[] = [];
  #next = 0;

  private constructor(sql: Sql, head: Head) {
    this.#sql = sql;
    this.#head = head;
  }

  /** Takes an empty book over and opens its accounts. */
  static async open(databaseUrl: string, accounts: number): Promise<RawBook> {
    const sql = connect(databaseUrl, 1);
    const before = await readHead(sql, BOOK);
    const head = await takeOver(sql, before, 'bench', Date.now() * 1_000);
    const book = new RawBook(sql, must(head, 'no other process takes the book over'));
    for (let first = 0; first < accounts; first += ACCOUNTS_PER_BATCH) {
      const size = Math.min(ACCOUNTS_PER_BATCH, accounts - first);
      await book.#post(Array.from({ length: size }, (_, index) => opening(first + index)));
    }
    const ids = BigInt64Array.from({ length: accounts }, (_, index) =>
      accountId(BOOK.number, index + 1),
    );
    const parties = { payers: ids, payees: [{ accounts: ids, share: 1 }] };
    const random = new Random(SEED);
    book.#transfers = Array.from({ length: DIFFERENT_TRANSFERS }, () =>
      drawTransfer(parties, random),
    );
    return book;
  }

  /** Posts batch after batch until the window ends. */
  async run({ window, itemsPerBatch }: RawJob): Promise<LoadResult> {
    const meter = new RateMeter(window, performance.now());
    const latency = newHistogram();
    const tally = new AcknowledgedTally('');
    let batch = this.#draw(itemsPerBatch);
    while (performance.now() < meter.endsAt) {
      const begun = performance.now();
      const posting = this.#post(batch.commands);
      // The next requests are made while the database works: they are no part of the ceiling.
      // The driver sends its query only after this turn of the event loop.
      await nextTurn();
      const next = this.#draw(itemsPerBatch);
      await posting;
      const now = performance.now();
      const counts = { posted: itemsPerBatch, inTransit: 0, held: 0, released: 0, refused: 0 };
      tally.add(itemsPerBatch, counts, transfersOf(itemsPerBatch, batch.amount));
      meter.completed(itemsPerBatch, now);
      if (now >= meter.startsAt) record(latency, now - begun);
      batch = next;
    }
    return {
      acknowledged: [tally.acknowledged],
      failedCalls: 0,
      errors: [],
      perSecond: meter.perSecond,
      latency: summary(latency),
      sendDelay: undefined,
    };
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 1 });
  }

  /** The next transfers with fresh keys. */
  #draw(items: number): Batch {
    let amount = 0n;
    const commands = Array.from({ length: items }, (): Command => {
      const transfer = must(this.#transfers[this.#next], 'transfers were drawn');
      this.#next = (this.#next + 1) % this.#transfers.length;
      const id = this.#keys.next();
      amount += transfer.amount;
      return { kind: 'transfer', id, request: { ...transfer, idempotencyKey: id } };
    });
    return { commands, amount };
  }

  /** One batch as the leader does it: post, extend the chain, append, remember. */
  async #post(commands: readonly Command[]): Promise<void> {
    const head = this.#head;
    const atMicros = Math.max(Date.now() * 1_000, head.atMicros + 1);
    const posted = post(this.#state(), commands, atMicros);
    const seqAfter = head.seq + posted.rows.length;
    const chain = chainAfter(head.chain, posted.rows);
    const accountsAfter = head.accounts + posted.opened.length;
    const fenced = await append(this.#sql, {
      head: {
        epochBefore: head.epoch,
        epochAfter: head.epoch,
        seqBefore: head.seq,
        seqAfter,
        chainAfter: chain,
        atMicros,
        accountsAfter,
      },
      rows: posted.rows,
      opened: posted.opened,
      channels: [],
      registered: [],
      swept: null,
      regionBooks: null,
    });
    if (!fenced) throw new Error('the head of the raw book has moved');
    for (const account of posted.accounts.values()) this.#accounts.set(account.id, account);
    this.#head = { ...head, seq: seqAfter, chain, atMicros, accounts: accountsAfter };
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
