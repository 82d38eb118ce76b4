import type { OpenAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { Account } from '../../core/account.ts';
import type { OpenedAccount } from '../../core/post/book-state.ts';
import { type Channel, newChannel } from '../../core/channel.ts';
import { chainAfter, CHAIN_START } from '../../core/chain.ts';
import type * as command from '../../core/post/command.ts';
import type { JournalRow } from '../../core/journal-row.ts';
import type { Original } from '../../core/original.ts';
import type { RegionBooks } from '../../core/placement.ts';
import { post } from '../../core/post/post.ts';
import { AccountCache } from '../../leader/account-cache.ts';
import { storedOriginal } from './stored-original.ts';

/** A batch as it was committed. */
export interface SimBatch {
  readonly rows: readonly JournalRow[];
  readonly opened: readonly OpenedAccount[];
  /** Value of the chain after it. */
  readonly chain: Buffer;
}

/** The outcome of a command, once its batch has been posted. */
export interface Pending<T extends command.Outcome = command.Outcome> {
  outcome: T | undefined;
}

/**
 * One book around post(), in memory: commands wait until `flush` posts them as one batch, and
 * what post() answers is taken over as the leader does. The account cache is so small that it
 * forgets all the time.
 */
export class SimBook {
  readonly number: number;
  readonly name: string;
  readonly batches: SimBatch[] = [];
  readonly rows: JournalRow[] = [];
  readonly channels = new Map<number, Channel>();
  readonly stored = new Map<bigint, Account>();
  /** The leader's memory of rows that were drawn on. */
  readonly originals = new Map<string, Original>();
  readonly scales = new Map<string, number>();
  /** Through where holds have been looked at for their expiry. */
  swept: command.SweepCursor | undefined;
  /** Names that a batch before opens, which is not committed yet. */
  readonly beingOpened = new Set<string>();
  /** The longest list of the books of its region that it was sent. */
  regionBooks: RegionBooks = [];
  /** The time of the next batch. It stands still but for what a test adds. */
  nowMicros = 1_000_000;
  readonly #names: ReadonlyMap<number, string>;
  #cache: AccountCache;
  readonly #transits = new Map<string, bigint>();
  #waiting: { command: command.Command; pending: Pending }[] = [];

  constructor(number: number, names: ReadonlyMap<number, string>) {
    this.number = number;
    this.name = names.get(number) ?? '';
    this.#names = names;
    this.#cache = new AccountCache(number, 3);
  }

  open(
    request: OpenAccountRequest,
    regionBooks: RegionBooks = [],
  ): Pending<command.OpenOutcome | command.NotOwnedOutcome> {
    return this.add({ kind: 'open', request, regionBooks });
  }

  transfer(id: string, request: CreateTransferRequest): Pending<command.TransferOutcome> {
    return this.add({ kind: 'transfer', id, request });
  }

  /** Lets a command wait for the next batch. */
  add<T extends command.Outcome>(wanted: command.Command): Pending<T> {
    const pending: Pending<T> = { outcome: undefined };
    this.#waiting.push({ command: wanted, pending });
    return pending;
  }

  account(id: bigint): Account | undefined {
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    const stored = this.stored.get(id);
    if (stored !== undefined) this.#cache.set(stored);
    return stored;
  }

  channel(peerBook: number): Channel {
    return this.channels.get(peerBook) ?? newChannel(peerBook);
  }

  /** A row that others draw on, as the journal has it. */
  storedOriginal(id: string): Original | undefined {
    return storedOriginal(this.rows, id, (peerBook) => this.channel(peerBook).settled);
  }

  /** Another leader takes over, who knows nothing but what is stored. */
  forget(): void {
    this.#cache = new AccountCache(this.number, 3);
    this.originals.clear();
  }

  /** Posts what waits as one batch. */
  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    const posted = post(
      {
        book: this.number,
        epoch: 1,
        seq: this.rows.length,
        accounts: this.stored.size,
        bookNames: this.#names,
        regionBooks: this.regionBooks,
        isBeingOpened: (externalId) => this.beingOpened.has(externalId),
        account: (id) => this.account(id),
        transitAccountId: (externalId) => this.#transits.get(externalId),
        channel: (peerBook) => this.channels.get(peerBook),
        original: (id) => this.originals.get(id) ?? this.storedOriginal(id),
        scaleOf: (asset) => this.scales.get(asset),
      },
      waiting.map((item) => item.command),
      this.nowMicros,
    );
    for (const [index, { pending }] of waiting.entries()) pending.outcome = posted.outcomes[index];
    for (const account of posted.accounts.values()) {
      this.stored.set(account.id, { ...account });
      this.#cache.set(account);
    }
    for (const { account, externalId } of posted.opened) {
      if (account.transit) this.#transits.set(externalId, account.id);
    }
    for (const channel of posted.channels.values()) this.channels.set(channel.peerBook, channel);
    for (const original of posted.originals.values()) this.originals.set(original.id, original);
    for (const { asset, scale } of posted.registered) this.scales.set(asset, scale);
    this.swept = posted.swept ?? this.swept;
    this.regionBooks = posted.regionBooks ?? this.regionBooks;
    this.rows.push(...posted.rows);
    if (posted.rows.length === 0) return;
    const before = this.batches.at(-1)?.chain ?? CHAIN_START;
    const chain = chainAfter(before, posted.rows);
    this.batches.push({ rows: posted.rows, opened: posted.opened, chain });
  }
}

/** Some books that know of each other. */
export function simBooks(count: number): SimBook[] {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const names = new Map(numbers.map((number) => [number, `book-${number}`]));
  return numbers.map((number) => new SimBook(number, names));
}
