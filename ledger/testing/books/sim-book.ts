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
import type { PlainColumns } from '../../core/plain/plain-columns.ts';
import { indexOf, type PlainItems } from '../../core/plain/scan-plain.ts';
import type { Holds } from '../../core/plain/sequence-order.ts';
import { SequenceOrders } from '../../leader/kinds/sequence-orders.ts';
import { SplitWork } from '../../leader/kinds/split-work.ts';
import { must } from '../../core/assert.ts';
import { post } from '../../core/post/post.ts';
import { encodeRows } from '../../core/row-bytes.ts';
import { AccountCache } from '../../leader/account-cache.ts';
import { mixedItems, NOTHING_KNOWN, plainItems, postAll, rowsOf } from './plain-works.ts';
import { storedOriginal } from './stored-original.ts';

/** A batch as it was committed. */
export interface SimBatch {
  readonly rows: readonly JournalRow[];
  readonly opened: readonly OpenedAccount[];
  /** Value of the chain after it. */
  readonly chain: Buffer;
}

/** Which lane posts plain transfers. `mixed`: the plain one, also from among others. */
export type PostingLane = 'general' | 'plain' | 'mixed';

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
 * With `mixed`, transfers that wait for one batch come in one call, and its plain ones are posted
 * first, as far as their order among the others does not matter. Their rows are put back into the
 * order of the call, in which they must be those of the general lane, but for nothing.
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
  /** Those of them that were posted ahead of one which came before them. */
  overtaking = 0;

  constructor(number: number, names: ReadonlyMap<number, string>, lane: PostingLane = 'general') {
    this.#lane = lane;
    this.number = number;
    this.name = names.get(number) ?? '';
    this.#names = names;
    this.#cache = new AccountCache(number, this.#accountsKept);
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
    this.#cache = new AccountCache(this.number, this.#accountsKept);
    this.originals.clear();
  }

  /** The plain lane posts only what is in memory: a call must find room for all of it. */
  get #accountsKept(): number {
    return this.#lane === 'mixed' ? 100 : 3;
  }

  /** Posts what waits as one batch; with the plain lane as several, which begin with what is plain. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (this.#lane === 'general') this.#flush(waiting);
    else if (this.#lane === 'mixed') for (const part of calls(waiting)) this.#flushMixed(part);
    else for (const part of beginningPlain(waiting, this.number)) this.#flush(part);
  }

  #flush(waiting: readonly Waiting[]): void {
    if (waiting.length === 0) return;
    const plain = this.#lane === 'plain' ? this.#postPlain(waiting) : undefined;
    const rest = waiting.slice(plain?.count ?? 0);
    const { rows, opened } = this.#post(rest, plain);
    const chain = this.#append(plain === undefined ? rows : [...rowsOf(plain), ...rows], opened);
    if (plain === undefined) return;
    const before = this.batches.at(-2)?.chain ?? CHAIN_START;
    const { bytes } = encodeRows(rows);
    assert.deepEqual(
      chainAfterBytes(before, plain.rows.bytes, bytes),
      chain,
      'the bytes are canonical',
    );
  }

  /** Returns the value of the chain after the rows. */
  #append(rows: readonly JournalRow[], opened: readonly OpenedAccount[]): Buffer {
    const before = this.batches.at(-1)?.chain ?? CHAIN_START;
    if (rows.length === 0) return before;
    this.rows.push(...rows);
    const chain = chainAfter(before, rows);
    this.batches.push({ rows, opened, chain });
    return chain;
  }

  /** Posts transfers that came in one call. */
  #flushMixed(waiting: readonly Waiting[]): void {
    const requests = waiting.flatMap((each) =>
      each.command.kind === 'transfer' ? [each.command.request] : [],
    );
    const items = requests.length < waiting.length ? undefined : mixedItems(requests, this.number);
    if (items === undefined) {
      this.#flush(waiting);
      return;
    }
    const split = splitWork(items, requests);
    this.#cache.begin();
    this.#load(items.columns);
    const batch = this.#newBatch(items.columns.count);
    const holds: Holds = {
      payeeOf: (id) => this.originals.get(id)?.creditAccountId,
      isHeld: (number) => this.#cache.heldOf(this.#cache.slotOf(number)) !== undefined,
    };
    const state = { accounts: this.#cache, known: NOTHING_KNOWN, holds };
    split.post(batch, state, new SequenceOrders(this.number, holds));
    this.#commitPlain(batch);
    const general = new Set(split.general?.items.map(({ index }) => index));
    const plain = waiting.filter((_, index) => !general.has(index));
    for (const [place, { pending }] of plain.entries())
      pending.outcome = plainOutcome(batch, place);
    const rest = waiting.filter((_, index) => general.has(index));
    this.overtaking += plain.filter((each) => waiting.indexOf(each) > Math.min(...general)).length;
    const { rows, opened } = this.#post(rest, batch);
    const all = [...rowsOf(batch), ...rows];
    const arrived = inOrderOfArrival(waiting, all, this.rows.length);
    const seqOf = new Map(arrived.map((row, place) => [row.seq, this.rows.length + place + 1]));
    for (const { pending } of waiting) pending.outcome = renumbered(pending.outcome, seqOf);
    this.#append(
      arrived.map((row) => ({ ...row, seq: seqOf.get(row.seq) ?? 0 })),
      opened.map((each) => ({ ...each, seq: seqOf.get(each.seq) ?? 0 })),
    );
  }

  /** Posts commands after what is plain in their batch, which is not among the rows yet. */
  #post(
    rest: readonly Waiting[],
    plain?: PlainBatch,
  ): { rows: readonly JournalRow[]; opened: readonly OpenedAccount[] } {
    const posted = post(
      {
        book: this.number,
        epoch: 1,
        seq: this.rows.length + (plain?.count ?? 0),
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
    return posted;
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
    const length = Math.min(batch.rows.bytes.length, tried.rows.bytes.length);
    const [again, before] = [batch, tried].map(({ rows }) => rows.bytes.toString('hex', 0, length));
    assert.equal(again, before, 'what was undone is done again');
    this.#commitPlain(batch);
    for (const [place, { pending }] of waiting.slice(0, batch.count).entries()) {
      pending.outcome = plainOutcome(batch, place);
    }
    return batch.count === 0 ? undefined : batch;
  }

  /** Stores what a batch that was begun has changed. */
  #commitPlain(batch: PlainBatch): void {
    for (const row of rowsOf(batch)) {
      for (const id of [row.debitAccount ?? 0n, row.creditAccount ?? 0n]) {
        const account = this.#cache.get(id);
        assert.ok(account, 'what a batch has changed is not forgotten');
        this.stored.set(id, account);
      }
    }
    this.#cache.committed();
    this.plain += batch.count;
  }

  #newBatch(transfers: number): PlainBatch {
    const stamp = { book: this.number, epoch: 1, seqBefore: this.rows.length };
    return new PlainBatch(transfers, { ...stamp, atMicros: this.nowMicros });
  }

  #load(columns: PlainColumns): void {
    for (const number of [...columns.debits, ...columns.credits]) {
      const stored = number === 0 ? undefined : this.stored.get(accountId(this.number, number));
      if (stored !== undefined && this.#cache.slotOf(number) < 0) this.#cache.load(stored);
    }
  }

  #batchOf(works: readonly PlainItems[]): PlainBatch {
    const batch = this.#newBatch(works.reduce((sum, { columns }) => sum + columns.count, 0));
    for (const items of works) {
      const { columns } = items;
      this.#load(columns);
      if (postAll(batch, items, this.#cache) < columns.count) break;
    }
    return batch;
  }
}

const plainOutcome = (batch: PlainBatch, place: number): command.TransferOutcome => ({
  kind: 'transfer',
  reason: 0,
  channel: null,
  details: null,
  seq: batch.seqOf(place),
});

/** The transfers between other commands as calls, and the others each on its own. */
function calls(waiting: readonly Waiting[]): Waiting[][] {
  const parts: Waiting[][] = [];
  let wasTransfer = false;
  for (const item of waiting) {
    const isTransfer = item.command.kind === 'transfer';
    const part = parts.at(-1);
    if (part === undefined || !isTransfer || !wasTransfer) parts.push([item]);
    else part.push(item);
    wasTransfer = isTransfer;
  }
  return parts;
}

const nothing = () => undefined;

/** A call as the leader has it. */
function splitWork(items: PlainItems, requests: readonly CreateTransferRequest[]): SplitWork {
  const at = (index: number) => must(requests[index], 'every item has its request');
  const others = items.mixed && { requests: items.mixed.others.map(({ index }) => at(index)) };
  const callbacks = { onOutcome: nothing, onLate: nothing, onFailure: nothing };
  const requestOf = (place: number) => at(indexOf(items, place));
  return new SplitWork({ kind: 'plain', items, others, arrived: 0, requestOf, ...callbacks }, 0);
}

/** The rows of the transfers of a call, which stand together for each, in the order of the call. */
function inOrderOfArrival(
  waiting: readonly Waiting[],
  rows: readonly JournalRow[],
  seqBefore: number,
): JournalRow[] {
  const ends = waiting.map(({ pending }) => lastSeq(pending.outcome)).toSorted((a, b) => a - b);
  return waiting.flatMap(({ pending }) => {
    const end = lastSeq(pending.outcome);
    const start = ends[ends.indexOf(end) - 1] ?? seqBefore;
    return rows.filter(({ seq }) => seq > start && seq <= end);
  });
}

/** Of the rows of a transfer: an account that it opens has its row before, legs have theirs after. */
function lastSeq(outcome: command.Outcome | undefined): number {
  assert.equal(outcome?.kind, 'transfer');
  return Math.max(outcome.seq, ...(outcome.details?.legs ?? []).map((leg) => leg.outcome.seq));
}

function renumbered<T extends command.Outcome | undefined>(
  outcome: T,
  seqOf: ReadonlyMap<number, number>,
): T {
  if (outcome?.kind !== 'transfer') return outcome;
  const { details } = outcome;
  const legs = details?.legs?.map((leg) => ({ ...leg, outcome: renumbered(leg.outcome, seqOf) }));
  return {
    ...outcome,
    seq: seqOf.get(outcome.seq) ?? 0,
    details: details && { ...details, legs: legs ?? null },
  };
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
