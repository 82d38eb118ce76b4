import assert from 'node:assert/strict';
import type { OpenAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { Account } from '../../core/account.ts';
import type { OpenedAccount } from '../../core/post/book-state.ts';
import { type Channel, newChannel } from '../../core/channel.ts';
import { accountId } from '../../core/account-id.ts';
import { chainAfter, chainAfterBytes, CHAIN_START } from '../../core/chain.ts';
import type * as command from '../../core/post/command.ts';
import type { JournalRow } from '../../core/journal-row.ts';
import type { Original } from '../../core/original.ts';
import type { RegionBooks } from '../../core/placement.ts';
import { PlainBatch } from '../../core/plain/plain-batch.ts';
import type { PlainItems } from '../../core/plain/scan-plain.ts';
import { post } from '../../core/post/post.ts';
import { encodeRows } from '../../core/row-bytes.ts';
import { AccountCache } from '../../leader/account-cache.ts';
import { NOTHING_KNOWN, plainItems, rowsOf } from './plain-works.ts';
import { storedOriginal } from './stored-original.ts';

/** A batch as it was committed. */
export interface SimBatch {
  readonly rows: readonly JournalRow[];
  readonly opened: readonly OpenedAccount[];
  /** Value of the chain after it. */
  readonly chain: Buffer;
}

/** Which lane posts plain transfers. */
export type PostingLane = 'general' | 'plain';

interface Waiting {
  readonly command: command.Command;
  readonly pending: Pending;
}

/** The outcome of a command, once its batch has been posted. */
export interface Pending<T extends command.Outcome = command.Outcome> {
  outcome: T | undefined;
}

/**
 * One book around post(), in memory: commands wait until `flush` posts them as one batch, and
 * what post() answers is taken over as the leader does. The account cache is so small that it
 * forgets all the time.
 *
 * With the plain lane, the plain transfers that a batch begins with come over the wire and are
 * posted there, as far as it takes them; so the rows are the same as without it, whose order does
 * not depend on where batches end.
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
  #waiting: Waiting[] = [];
  readonly #lane: PostingLane;
  /** Transfers that the plain lane has posted. */
  plain = 0;

  constructor(number: number, names: ReadonlyMap<number, string>, lane: PostingLane = 'general') {
    this.#lane = lane;
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
    if (stored === undefined) return undefined;
    this.#cache.set(stored);
    return { ...stored };
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

  /** Posts what waits as one batch; with the plain lane as several, which begin with what is plain. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (this.#lane === 'general') this.#flush(waiting);
    else for (const part of beginningPlain(waiting, this.number)) this.#flush(part);
  }

  #flush(waiting: readonly Waiting[]): void {
    if (waiting.length === 0) return;
    const plain = this.#lane === 'plain' ? this.#postPlain(waiting) : undefined;
    const first = plain?.count ?? 0;
    const rest = waiting.slice(first);
    const posted = post(
      {
        book: this.number,
        epoch: 1,
        seq: this.rows.length + first,
        accounts: this.stored.size,
        bookNames: this.#names,
        regionBooks: this.regionBooks,
        isBeingOpened: (externalId) => this.beingOpened.has(externalId),
        account: (id) => this.account(id),
        transitAccountId: (externalId) => this.#transits.get(externalId),
        channel: (peerBook) => this.channels.get(peerBook),
        original: (id) => this.originals.get(id) ?? plain?.original(id) ?? this.storedOriginal(id),
        scaleOf: (asset) => this.scales.get(asset),
      },
      rest.map((item) => item.command),
      this.nowMicros,
    );
    for (const [index, { pending }] of rest.entries()) pending.outcome = posted.outcomes[index];
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
    const rows = plain === undefined ? posted.rows : [...rowsOf(plain), ...posted.rows];
    this.rows.push(...rows);
    if (rows.length === 0) return;
    const before = this.batches.at(-1)?.chain ?? CHAIN_START;
    const chain = chainAfter(before, rows);
    if (plain !== undefined) {
      const { bytes } = encodeRows(posted.rows);
      assert.deepEqual(
        chainAfterBytes(before, plain.rows, bytes),
        chain,
        'the bytes are canonical',
      );
    }
    this.batches.push({ rows, opened: posted.opened, chain });
  }

  /** Posts what the plain lane takes, up to the first work that it does not take. */
  #postPlain(waiting: readonly Waiting[]): PlainBatch | undefined {
    const works = plainWorks(waiting, this.number, (this.rows.length % 3) + 1);
    // Undone and done again: nothing must be left of what was undone.
    this.#cache.begin();
    const tried = this.#batchOf(works);
    this.#cache.undo();
    for (const account of this.stored.values()) {
      assert.deepEqual(this.#cache.get(account.id) ?? account, account, 'it is as it was stored');
    }
    this.#cache.begin();
    const batch = this.#batchOf(works);
    // How far they come depends on what the cache has forgotten.
    const length = Math.min(batch.rows.length, tried.rows.length);
    const [again, before] = [batch, tried].map(({ rows }) => rows.toString('hex', 0, length));
    assert.equal(again, before, 'what was undone is done again');
    for (const row of rowsOf(batch)) {
      for (const id of [row.debitAccount ?? 0n, row.creditAccount ?? 0n]) {
        const account = this.#cache.get(id);
        assert.ok(account, 'what a batch has changed is not forgotten');
        this.stored.set(id, account);
      }
    }
    this.#cache.committed();
    for (const [place, { pending }] of waiting.slice(0, batch.count).entries()) {
      const posted = { kind: 'transfer', reason: 0, channel: null, details: null } as const;
      pending.outcome = { ...posted, seq: batch.seqOf(place) };
    }
    this.plain += batch.count;
    return batch.count === 0 ? undefined : batch;
  }

  #batchOf(works: readonly PlainItems[]): PlainBatch {
    const stamp = { book: this.number, epoch: 1, seqBefore: this.rows.length };
    const transfers = works.reduce((sum, { columns }) => sum + columns.count, 0);
    const batch = new PlainBatch(transfers, { ...stamp, atMicros: this.nowMicros });
    for (const items of works) {
      const { columns } = items;
      for (const number of [...columns.debits, ...columns.credits]) {
        const stored = number === 0 ? undefined : this.stored.get(accountId(this.number, number));
        if (stored !== undefined && this.#cache.slotOf(number) < 0) this.#cache.load(stored);
      }
      if (!batch.post(items, this.#cache, NOTHING_KNOWN)) break;
    }
    return batch;
  }
}

/** Commands in batches that begin with plain transfers, if there are any in them. */
function beginningPlain(waiting: readonly Waiting[], book: number): Waiting[][] {
  const parts: Waiting[][] = [];
  let wasPlain = false;
  for (const item of waiting) {
    const isPlain = plainWorks([item], book, 1).length > 0;
    const part = parts.at(-1);
    if (part === undefined || (isPlain && !wasPlain)) parts.push([item]);
    else part.push(item);
    wasPlain = isPlain;
  }
  return parts;
}

/** The plain transfers that a batch begins with, in works of some. */
function plainWorks(waiting: readonly Waiting[], book: number, size: number): PlainItems[] {
  const works: PlainItems[] = [];
  for (let from = 0; from < waiting.length; from += size) {
    const part = waiting.slice(from, from + size).map((item) => item.command);
    const requests = part.flatMap((each) => (each.kind === 'transfer' ? [each.request] : []));
    const items = requests.length < part.length ? undefined : plainItems(requests, book);
    if (items === undefined) break;
    works.push(items);
  }
  return works;
}

/** Some books that know of each other. */
export function simBooks(count: number, lane?: PostingLane): SimBook[] {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const names = new Map(numbers.map((number) => [number, `book-${number}`]));
  return numbers.map((number) => new SimBook(number, names, lane));
}
