import { accountId, accountNumberOf, bookOf } from '../core/account-id.ts';
import { IdTable } from '../core/plain/id-table.ts';
import type { KnownIds, PlainBatch } from '../core/plain/plain-batch.ts';
import { idWords, PlainColumns } from '../core/plain/plain-columns.ts';
import { NO_METADATA } from '../core/no-metadata.ts';
import { isPlain } from '../core/validate/options.ts';
import type { TransferFields } from '../core/validate/same-request.ts';
import { ledgerTuning } from '../ledger-tuning.ts';
import { fingerprintOf, type KnownKey } from './known-key.ts';
import { SKEW_MS, wouldBeHere } from './recent-keys.ts';

const WORD = 2 ** 32;

/** The keys of one generation. */
class Generation {
  readonly columns: PlainColumns;
  readonly seqs: Float64Array<ArrayBuffer>;
  readonly times: Float64Array<ArrayBuffer>;
  readonly #places: IdTable;

  constructor(capacity: number) {
    this.columns = new PlainColumns(capacity);
    this.seqs = new Float64Array(capacity);
    this.times = new Float64Array(capacity);
    this.#places = new IdTable(capacity);
  }

  find(a: number, b: number, c: number, d: number): number {
    return this.#places.find(this.columns.ids, a, b, c, d);
  }

  /** Adds the id that stands at the next place; false: it is here already. */
  add(): boolean {
    const { columns } = this;
    const added = this.#places.add(columns.ids, columns.count);
    if (added) columns.count += 1;
    return added;
  }

  /** Adds transfers of a batch from a place on, as far as there is room. Returns where it ends. */
  addBatch({ columns: from, stamp, count }: PlainBatch, place: number, capacity: number): number {
    const { columns: to, seqs, times } = this;
    const start = to.count;
    const end = Math.min(count, place + capacity - start);
    to.ids.set(from.ids.subarray(place * 4, end * 4), start * 4);
    to.debits.set(from.debits.subarray(place, end), start);
    to.credits.set(from.credits.subarray(place, end), start);
    to.amounts.set(from.amounts.subarray(place * 2, end * 2), start * 2);
    times.fill(stamp.atMicros, start, start + end - place);
    for (let own = start; own < start + end - place; own += 1) {
      seqs[own] = stamp.seqBefore + place + own - start + 1;
      this.#places.add(to.ids, own);
    }
    to.count += end - place;
    return end;
  }

  clear(): void {
    this.columns.count = 0;
    this.#places.clear();
  }
}

/**
 * The keys decided last that a plain transfer could have: two generations, the older one dropped
 * when the newer is full. 60 bytes each, and no object. Of a key that the general lane has decided
 * only the id is here: it shows the plain lane that there is an outcome.
 */
export class RecentPlainKeys implements KnownIds {
  readonly #book: number;
  readonly #capacity: number;
  #newer: Generation;
  #older: Generation;
  #epoch = 0;
  /** In milliseconds since 1970: every key that was decided since then is in a generation. */
  #newerSince: number;
  #olderSince: number;
  readonly #now: () => number;

  /**
   * @param capacity keys of one generation
   * @param now milliseconds since 1970
   */
  constructor(book: number, capacity = ledgerTuning.recentKeys, now: () => number = Date.now) {
    this.#book = book;
    this.#capacity = capacity;
    this.#now = now;
    this.#newerSince = now();
    this.#olderSince = this.#newerSince;
    this.#newer = new Generation(capacity);
    this.#older = new Generation(capacity);
  }

  has(a: number, b: number, c: number, d: number): boolean {
    return this.#newer.find(a, b, c, d) >= 0 || this.#older.find(a, b, c, d) >= 0;
  }

  /** True if the id is here, whichever lane has decided it. */
  hasText(id: string): boolean {
    const words = idWords(id);
    return words !== undefined && this.has(...words);
  }

  /**
   * True if every id is one that would be here if it had an outcome: as RecentKeys.wouldHave,
   * without a text for any of them.
   */
  wouldHaveAll({ ids, count }: PlainColumns, now: number): boolean {
    const earliest = this.#olderSince + SKEW_MS;
    for (let place = 0; place < count; place += 1) {
      const [first, second] = [ids[place * 4] ?? 0, ids[place * 4 + 1] ?? 0];
      const madeAt = (first >>> 0) * 0x1_0000 + (second >>> 16);
      if (((second >>> 12) & 15) !== 7 || madeAt < earliest || madeAt > now + SKEW_MS) return false;
    }
    return true;
  }

  /** The same of one id. */
  wouldHave(id: string, now: number): boolean {
    return wouldBeHere(id, this.#olderSince, now);
  }

  /** The outcome of a key that the plain lane has decided. */
  get(id: string): KnownKey | undefined {
    const words = idWords(id);
    if (words === undefined) return undefined;
    return this.#knownIn(this.#newer, words) ?? this.#knownIn(this.#older, words);
  }

  /**
   * Adds the id of what the general lane has decided. Returns false if no plain transfer could
   * have it: then it is not here.
   */
  mark(id: string): boolean {
    const words = idWords(id);
    if (words === undefined) return false;
    if (this.has(...words)) return true;
    const { columns } = this.#withRoom();
    columns.ids.set(words, columns.count * 4);
    columns.debits[columns.count] = 0;
    this.#newer.add();
    return true;
  }

  /**
   * Adds a transfer of this book that the general lane has posted, if it asks nothing that a plain
   * one could not ask. Returns false if its outcome does not fit here.
   */
  addPosted(
    id: string,
    request: TransferFields,
    known: Pick<KnownKey, 'epoch' | 'seq' | 'atMicros'>,
  ): boolean {
    const words = idWords(id);
    if (words === undefined || !this.#fits(request) || this.has(...words)) return false;
    const { columns, seqs, times } = this.#withRoom();
    const own = columns.count;
    columns.ids.set(words, own * 4);
    columns.debits[own] = accountNumberOf(request.debitAccountId);
    columns.credits[own] = accountNumberOf(request.creditAccountId);
    const amount = Number(request.amount);
    // Beyond the safe integers it may have been rounded.
    const safe = Number.isSafeInteger(amount);
    columns.amounts[own * 2] = safe ? Math.floor(amount / WORD) : Number(request.amount >> 32n);
    columns.amounts[own * 2 + 1] = safe ? amount % WORD : Number(request.amount & 0xffff_ffffn);
    seqs[own] = known.seq;
    times[own] = known.atMicros;
    this.#epoch = known.epoch;
    this.#newer.add();
    return true;
  }

  #fits(request: TransferFields): boolean {
    const { asset, code, reference, metadata, debitAccountId, creditAccountId } = request;
    if (asset !== '' || code !== 0 || reference !== '' || !isPlain(request)) return false;
    if (metadata !== NO_METADATA) for (const _ in metadata) return false;
    return bookOf(debitAccountId) === this.#book && bookOf(creditAccountId) === this.#book;
  }

  /** Adds the transfers of a committed batch, all of one leader's epoch. */
  add(batch: PlainBatch): void {
    this.#epoch = batch.stamp.epoch;
    for (let place = 0; place < batch.count;) {
      place = this.#withRoom().addBatch(batch, place, this.#capacity);
    }
  }

  /** The newer generation, with room for one more key. */
  #withRoom(): Generation {
    if (this.#newer.columns.count < this.#capacity) return this.#newer;
    const oldest = this.#older;
    oldest.clear();
    this.#older = this.#newer;
    this.#newer = oldest;
    this.#olderSince = this.#newerSince;
    this.#newerSince = this.#now();
    return oldest;
  }

  #knownIn(
    generation: Generation,
    words: readonly [number, number, number, number],
  ): KnownKey | undefined {
    const { columns, seqs, times } = generation;
    const place = generation.find(...words);
    const debit = columns.debits[place] ?? 0;
    if (debit === 0) return undefined;
    return {
      fingerprint: fingerprintOf({
        debitAccountId: accountId(this.#book, debit),
        creditAccountId: accountId(this.#book, columns.credits[place] ?? 0),
        amount: columns.amount(place),
        ...PLAIN_FIELDS,
      }),
      reason: 0,
      epoch: this.#epoch,
      seq: seqs[place] ?? 0,
      atMicros: times[place] ?? 0,
      partial: false,
    };
  }
}

/** What every plain transfer asks. */
const PLAIN_FIELDS = {
  asset: '',
  code: 0,
  reference: '',
  metadata: {},
  action: undefined,
  upTo: 0,
  conditions: undefined,
  allowZero: false,
} as const;
