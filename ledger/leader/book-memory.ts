import { ISO_4217 } from '../core/asset.ts';
import { ASSETS_MAX } from '../core/limits.ts';
import type { Account } from '../core/account.ts';
import { assert, must } from '../core/assert.ts';
import type { BookState, BatchEffects } from '../core/post/book-state.ts';
import { accountId } from '../core/account-id.ts';
import { chainAfterBytes } from '../core/chain.ts';
import { type Channel, newChannel } from '../core/channel.ts';
import type { SweepCursor } from '../core/post/command.ts';
import type { JournalRow } from '../core/journal-row.ts';
import { type Original, originalOf } from '../core/original.ts';
import type { RegionBooks } from '../core/placement.ts';
import type { PlainAccounts } from '../core/plain/plain-accounts.ts';
import type { PlainBatch, PlainStamp } from '../core/plain/plain-batch.ts';
import type { PlainColumns } from '../core/plain/plain-columns.ts';
import { encodeRows } from '../core/row-bytes.ts';
import type { Append } from '../store/append-batch.ts';
import type { LeaderStore } from '../store/book-store.ts';
import type { NumberedLeg } from '../store/stored-records.ts';
import type { SeqBounds } from '../store/partition-store.ts';
import type { Book } from '../core/book.ts';
import type { Head } from '../store/append-batch.ts';
import { AccountCache } from './account-cache.ts';
import type { Needs } from '../core/post/command-kind.ts';
import { OriginalCache } from './original-cache.ts';
import { UnclosedLegs } from './unclosed-legs.ts';

/**
 * The state of the book in its leader's memory. It is valid as long as the head has this leader's
 * epoch, and dies with the leader.
 */
export class BookMemory {
  readonly book: Book;
  readonly epoch: number;
  readonly #bookNames: ReadonlyMap<number, string>;
  readonly #cache: AccountCache;
  readonly #originals = new OriginalCache();
  readonly #unclosedLegs = new UnclosedLegs();
  readonly #assets: Map<string, number>;
  readonly #transits: Map<string, bigint>;
  readonly #channels: Map<number, Channel>;
  #lostRows: Channel | undefined;
  #head: Head;
  /** A batch on its way to the database: the next one starts from it, nothing else sees it. */
  #assumed: Assumed | undefined;

  private constructor(
    book: Book,
    books: readonly Book[],
    head: Head,
    stored: StoredState,
    cache: AccountCache,
  ) {
    this.book = book;
    this.epoch = head.epoch;
    this.#bookNames = new Map(books.map(({ number, name }) => [number, name]));
    this.#cache = cache;
    this.#transits = stored.transits;
    this.#channels = stored.channels;
    this.#assets = stored.assets;
    this.#head = head;
    this.#lostRows = this.#findLostRows();
  }

  /**
   * @param head as the take-over left it
   * @param cache without accounts
   */
  static async load(
    store: LeaderStore,
    book: Book,
    books: readonly Book[],
    head: Head,
    cache = new AccountCache(book.number),
  ): Promise<BookMemory> {
    const [transits, list, assets] = await Promise.all([
      store.loadTransitAccounts(),
      store.readChannels(),
      store.loadAssets(),
    ]);
    const channels = new Map(list.map((channel) => [channel.peerBook, channel]));
    return new BookMemory(book, books, head, { transits, channels, assets }, cache);
  }

  /** UUID of this database of the book. */
  get instance(): string {
    return this.#head.instance;
  }

  get seq(): number {
    return this.#head.seq;
  }

  /** True if a book has this number. */
  knowsBook(number: number): boolean {
    return this.#bookNames.has(number);
  }

  /** The channel to a book; all zero if nothing was ever exchanged with it. */
  channel(peerBook: number): Readonly<Channel> {
    return this.#channels.get(peerBook) ?? newChannel(peerBook);
  }

  /** The channels to all books with which anything was ever exchanged. */
  get channels(): readonly Readonly<Channel>[] {
    return [...this.#channels.values()];
  }

  /**
   * A channel whose other end has proven that this book has lost rows: it was restored from an
   * older copy. It may post nothing then: money could be spent that has left already, and a key
   * be executed again. Undefined: no such proof is known.
   */
  get lostRows(): Readonly<Channel> | undefined {
    return this.#lostRows;
  }

  /**
   * Committed legs to a book with numbers above `after`, through which all are closed, in order.
   * Undefined: the first of them is not remembered.
   */
  legsAfter(peerBook: number, after: number, limit: number): readonly NumberedLeg[] | undefined {
    return this.#unclosedLegs.after(peerBook, after, limit);
  }

  /** Names of two books, as a channel is called: `eu-west-1>us-east-1`. */
  channelName(fromBook: number, toBook: number): string {
    return `${this.bookName(fromBook)}>${this.bookName(toBook)}`;
  }

  bookName(number: number): string {
    return this.#bookNames.get(number) ?? String(number);
  }

  /** Time of the newest batch that is committed. */
  get atMicros(): number {
    return this.#head.atMicros;
  }

  /** Through where holds have been looked at for their expiry. */
  get swept(): SweepCursor {
    return this.#head.swept;
  }

  /** The books of the region, as far as the book was ever sent them. */
  get regionBooks(): RegionBooks {
    return this.#head.regionBooks;
  }

  /** Time of the next batch: now, but always later than the batch before. */
  nextMicros(nowMicros: number): number {
    return Math.max(nowMicros, this.#newestHead.atMicros + 1);
  }

  get #newestHead(): Head {
    return this.#assumed?.head ?? this.#head;
  }

  /**
   * The state that the next batch starts from, with every account and every original that
   * exists among `needs`, the accounts of those originals, and every transit account in it:
   * what is not remembered is loaded, by one query for each of both.
   *
   * @param plain what the plain lane has posted of that batch
   */
  async stateFor(store: LeaderStore, needs: Needs, plain?: PlainBatch): Promise<BookState> {
    const assumed = this.#assumed?.posted;
    const transits = new Map(this.#transits);
    for (const { account, externalId } of assumed?.opened ?? []) {
      if (account.transit) transits.set(externalId, account.id);
    }
    const originals = await this.#originalsFor(store, needs.originals, plain);
    const missing = new Set<bigint>();
    const want = (id: bigint) => {
      if (!this.#cache.has(id)) missing.add(id);
    };
    for (let at = 0; at < needs.accounts.length; at += 1) want(needs.accounts[at] ?? 0n);
    for (const id of transits.values()) want(id);
    for (const { debitAccountId, creditAccountId } of originals.values()) {
      want(debitAccountId);
      want(creditAccountId);
    }
    // They enter the cache once everything is posted, not before: an account that this batch needs
    // must not be put out by another one of it.
    const loaded = new Map<bigint, Account>();
    if (missing.size > 0) {
      for (const account of await store.loadAccounts([...missing], this.#entries?.notPinned))
        loaded.set(account.id, account);
    }
    const { seq, accounts } = this.#newestHead;
    let beingOpened: ReadonlySet<string> | undefined;
    return {
      book: this.book.number,
      epoch: this.epoch,
      seq: seq + (plain?.count ?? 0),
      accounts,
      bookNames: this.#bookNames,
      regionBooks: this.#newestHead.regionBooks,
      isBeingOpened: (externalId) => {
        beingOpened ??= new Set(assumed?.opened.map((opened) => opened.externalId));
        return beingOpened.has(externalId);
      },
      account: (id) => (loaded.size === 0 ? undefined : loaded.get(id)) ?? this.#cache.get(id),
      transitAccountId: (externalId) => transits.get(externalId),
      channel: (peerBook) => assumed?.channels.get(peerBook) ?? this.#channels.get(peerBook),
      original: (id) => originals.get(id),
      scaleOf: (asset) =>
        this.#assets.get(asset) ??
        assumed?.registered.find((registered) => registered.asset === asset)?.scale,
    };
  }

  /** False: the asset is not registered, and the book has room for no other. */
  mayRegister(asset: string): boolean {
    return this.#assets.size < ASSETS_MAX || this.#assets.has(asset) || ISO_4217.has(asset);
  }

  /**
   * Those that exist among `ids`: in this batch or the one on its way, remembered, or in the
   * journal.
   */
  async #originalsFor(
    store: LeaderStore,
    ids: ReadonlySet<string>,
    plain: PlainBatch | undefined,
  ): Promise<Map<string, Original>> {
    const assumed = this.#assumed?.posted;
    const found = new Map<string, Original>();
    if (ids.size === 0) return found;
    let decided: ReadonlyMap<string, JournalRow> | undefined;
    const inRowOf = ({ rows }: BatchEffects, id: string) => {
      // Most holds are remembered: the rows of a batch are listed once one is not.
      decided ??= new Map(rows.map((row) => [row.id, row]));
      const row = decided.get(id);
      return row === undefined ? undefined : originalOf(row);
    };
    const missing: string[] = [];
    for (const id of ids) {
      const original =
        assumed?.originals.get(id) ??
        this.#originals.get(id) ??
        (assumed === undefined ? undefined : inRowOf(assumed, id)) ??
        plain?.original(id) ??
        this.#assumed?.plain?.original(id);
      if (original === undefined) missing.push(id);
      else found.set(id, original);
    }
    if (missing.length > 0) {
      for (const original of await store.loadOriginals(missing)) found.set(original.id, original);
    }
    return found;
  }

  /** Begins a batch: until it is committed, all that it changes of accounts can be undone. */
  begin(): void {
    this.#cache.begin();
  }

  /** The batch that was begun last has led to these accounts. The next one starts from them. */
  posted({ accounts }: BatchEffects): void {
    for (const account of accounts.values()) this.#cache.set(account);
  }

  /** The batch that was begun last is given up before it was on its way. */
  abandon(): void {
    this.#cache.undo();
  }

  /** The accounts, on which the plain lane posts in the batch that was begun last. */
  get accounts(): PlainAccounts {
    return this.#cache;
  }

  /** What the rows of the next batch share. */
  stampOf(atMicros: number): PlainStamp {
    const { seq } = this.#newestHead;
    return { book: this.book.number, epoch: this.epoch, seqBefore: seq, atMicros };
  }

  /** Undefined: entries may lie anywhere, and any account may be forgotten. */
  #entries: EntryPlaces | undefined;

  /** From now on accounts are remembered, and loaded, as the partitions of the journal ask for it. */
  follow(entries: EntryPlaces): void {
    this.#entries = entries;
    this.#cache.pinFrom(entries.pinnedPlace);
  }

  /** Loads what is not remembered of the accounts of plain transfers, as far as they exist. */
  async loadFor(store: LeaderStore, transfers: readonly PlainColumns[]): Promise<void> {
    const missing = new Set<number>();
    for (const { count, debits, credits } of transfers) {
      for (let place = 0; place < count; place += 1) {
        const [debit, credit] = [debits[place] ?? 0, credits[place] ?? 0];
        if (this.#cache.slotOf(debit) < 0) missing.add(debit);
        if (this.#cache.slotOf(credit) < 0) missing.add(credit);
      }
    }
    if (missing.size === 0) return;
    const ids = [...missing].map((number) => accountId(this.book.number, number));
    for (const account of await store.loadAccounts(ids, this.#entries?.notPinned))
      this.#cache.load(account);
  }

  /** Returns what must be committed for a batch. */
  appendOf(posted: BatchEffects, atMicros: number, plain?: PlainBatch): Append {
    const { seq, chain, accounts } = this.#newestHead;
    const count = posted.rows.length + (plain?.count ?? 0);
    const rowBytes = encodeRows(posted.rows);
    return {
      head: {
        epochBefore: this.epoch,
        epochAfter: this.epoch,
        seqBefore: seq,
        seqAfter: seq + count,
        chainAfter:
          count > 0 ? chainAfterBytes(chain, plain?.rows ?? NO_BYTES, rowBytes.bytes) : chain,
        atMicros,
        accountsAfter: accounts + posted.opened.length,
      },
      plain: plain === undefined ? null : { count: plain.count, bytes: plain.rows },
      rows: posted.rows,
      rowBytes,
      opened: posted.opened,
      channels: [...posted.channels.values()],
      registered: posted.registered,
      swept: posted.swept,
      regionBooks: posted.regionBooks,
    };
  }

  /** The batch begun before any other is in flight: those prepared from now on start from it. */
  assume(posted: BatchEffects, { head, swept, regionBooks }: Append, plain?: PlainBatch): void {
    assert(this.#assumed === undefined, 'one batch is on its way at a time');
    this.#assumed = {
      posted,
      plain,
      head: {
        ...this.#head,
        seq: head.seqAfter,
        chain: Buffer.from(head.chainAfter),
        atMicros: head.atMicros,
        accounts: head.accountsAfter,
        swept: swept ?? this.#head.swept,
        regionBooks: regionBooks ?? this.#head.regionBooks,
      },
    };
  }

  /** The in-flight batch is committed. */
  committed(): void {
    const { posted, head } = must(this.#assumed, 'a batch was on its way');
    this.#cache.committed(this.#entries?.openPlace);
    if (this.#entries !== undefined) this.#cache.pinFrom(this.#entries.pinnedPlace);
    for (const { account, externalId } of posted.opened) {
      if (account.transit) this.#transits.set(externalId, account.id);
    }
    for (const original of posted.originals.values()) this.#originals.set(original);
    for (const { asset, scale } of posted.registered) this.#assets.set(asset, scale);
    for (const channel of posted.channels.values()) this.#channels.set(channel.peerBook, channel);
    if (posted.channels.size > 0) {
      this.#lostRows = this.#findLostRows();
      this.#unclosedLegs.add(posted);
    }
    this.#head = head;
    this.#assumed = undefined;
  }

  #findLostRows(): Channel | undefined {
    const { number } = this.book;
    return [...this.#channels.values()].find(({ diverged }) => diverged?.book === number);
  }

  /** The in-flight batch was not committed; what was prepared on top of it is void as well. */
  dropped(): void {
    while (this.#cache.open > 0) this.#cache.undo();
    this.#assumed = undefined;
  }
}

/** A batch on its way to the database. */
interface Assumed {
  readonly posted: BatchEffects;
  readonly plain: PlainBatch | undefined;
  /** The head after it. */
  readonly head: Head;
}

const NO_BYTES = Buffer.alloc(0);

/**
 * Where in the journal the newest entries of accounts can lie. Partitions are counted from 1, in
 * the order of their rows. An account that changes while the newest row lies in a pinned partition
 * stays in memory, so that what is loaded has its newest entry in one that is not pinned.
 */
export interface EntryPlaces {
  /** Place of the partition that has the newest row. */
  readonly openPlace: number;
  /** Place of the first pinned partition: all after it are pinned too. It never goes back. */
  readonly pinnedPlace: number;
  /** The partitions that have rows and are not pinned. */
  readonly notPinned: readonly SeqBounds[];
}

/** The small part of the state that is loaded once, when a book is taken over. */
interface StoredState {
  readonly transits: Map<string, bigint>;
  readonly channels: Map<number, Channel>;
  readonly assets: Map<string, number>;
}
