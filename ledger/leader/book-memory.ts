import type { Account } from '../core/account.ts';
import { assert, must } from '../core/assert.ts';
import { chainAfter } from '../core/chain.ts';
import type { BookState, Channel, Posted } from '../core/post.ts';
import type { Append } from '../store/append.ts';
import { readChannels } from '../store/channels.ts';
import type { Sql } from '../store/connect.ts';
import type { Book, Head } from '../store/head.ts';
import { loadAccounts, loadTransitAccounts } from '../store/load-accounts.ts';
import { AccountCache } from './account-cache.ts';

/**
 * What the leader remembers of its book. It is true as long as the head has this leader's
 * epoch, and dies with the leader.
 */
export class BookMemory {
  readonly book: Book;
  readonly epoch: number;
  readonly #bookNames: ReadonlyMap<number, string>;
  readonly #cache: AccountCache;
  readonly #transits: Map<string, bigint>;
  readonly #channels: Map<number, Channel>;
  #head: Head;
  /** A batch on its way to the database: the next one starts from it, nobody else sees it. */
  #assumed: { readonly posted: Posted; readonly head: Head } | undefined;

  private constructor(
    book: Book,
    books: readonly Book[],
    head: Head,
    transits: Map<string, bigint>,
    channels: Map<number, Channel>,
  ) {
    this.book = book;
    this.epoch = head.epoch;
    this.#bookNames = new Map(books.map(({ number, name }) => [number, name]));
    this.#cache = new AccountCache(book.number);
    this.#transits = transits;
    this.#channels = channels;
    this.#head = head;
  }

  /** @param head as the take-over left it */
  static async load(sql: Sql, book: Book, books: readonly Book[], head: Head): Promise<BookMemory> {
    const [transits, channels] = await Promise.all([loadTransitAccounts(sql), readChannels(sql)]);
    const byPeer = new Map(channels.map((channel) => [channel.peerBook, channel]));
    return new BookMemory(book, books, head, transits, byPeer);
  }

  get seq(): number {
    return this.#head.seq;
  }

  /** True if the number is that of a book there is. */
  knowsBook(number: number): boolean {
    return this.#bookNames.has(number);
  }

  /** The channel to a book; all zero if nothing was ever exchanged with it. */
  channel(peerBook: number): Readonly<Channel> {
    return this.#channels.get(peerBook) ?? { peerBook, sent: 0, settled: 0, applied: 0 };
  }

  /** Time of the next batch: now, but always later than the batch before. */
  nextMicros(nowMicros: number): number {
    return Math.max(nowMicros, this.#newestHead.atMicros + 1);
  }

  get #newestHead(): Head {
    return this.#assumed?.head ?? this.#head;
  }

  /**
   * The state that the next batch starts from, with every account that exists among `ids` and
   * every transit account in it: those not remembered are loaded by one query.
   */
  async stateFor(sql: Sql, ids: Iterable<bigint>): Promise<BookState> {
    const assumed = this.#assumed?.posted;
    const transits = new Map(this.#transits);
    for (const { account, externalId } of assumed?.opened ?? []) {
      if (account.transit) transits.set(externalId, account.id);
    }
    const missing = new Set<bigint>();
    const want = (id: bigint) => {
      if (!this.#cache.has(id) && assumed?.accounts.has(id) !== true) missing.add(id);
    };
    for (const id of ids) want(id);
    for (const id of transits.values()) want(id);
    // They enter the cache with the commit, not before: an account that this batch needs must
    // not be put out by another one of it.
    const loaded = new Map<bigint, Account>();
    if (missing.size > 0) {
      for (const account of await loadAccounts(sql, [...missing])) loaded.set(account.id, account);
    }
    const { seq, accounts } = this.#newestHead;
    return {
      book: this.book.number,
      epoch: this.epoch,
      seq,
      accounts,
      bookNames: this.#bookNames,
      account: (id) => assumed?.accounts.get(id) ?? loaded.get(id) ?? this.#cache.get(id),
      transitAccountId: (externalId) => transits.get(externalId),
      channel: (peerBook) => assumed?.channels.get(peerBook) ?? this.#channels.get(peerBook),
    };
  }

  /** What must be committed for a batch. */
  appendOf(posted: Posted, atMicros: number): Append {
    const { seq, chain, accounts } = this.#newestHead;
    return {
      head: {
        epochBefore: this.epoch,
        epochAfter: this.epoch,
        seqBefore: seq,
        seqAfter: seq + posted.rows.length,
        chainAfter: posted.rows.length > 0 ? chainAfter(chain, posted.rows) : chain,
        atMicros,
        accountsAfter: accounts + posted.opened.length,
      },
      rows: posted.rows,
      opened: posted.opened,
      channels: [...posted.channels.values()],
    };
  }

  /** A batch is on its way: what is prepared from now on starts from it. */
  assume(posted: Posted, { head }: Append): void {
    assert(this.#assumed === undefined, 'one batch is on its way at a time');
    this.#assumed = {
      posted,
      head: {
        ...this.#head,
        seq: head.seqAfter,
        chain: Buffer.from(head.chainAfter),
        atMicros: head.atMicros,
        accounts: head.accountsAfter,
      },
    };
  }

  /** The batch that was on its way is committed. */
  committed(): void {
    const { posted, head } = must(this.#assumed, 'a batch was on its way');
    for (const account of posted.accounts.values()) this.#cache.set(account);
    for (const { account, externalId } of posted.opened) {
      if (account.transit) this.#transits.set(externalId, account.id);
    }
    for (const channel of posted.channels.values()) this.#channels.set(channel.peerBook, channel);
    this.#head = head;
    this.#assumed = undefined;
  }

  /** The batch that was on its way did not come to be. */
  dropped(): void {
    this.#assumed = undefined;
  }
}
