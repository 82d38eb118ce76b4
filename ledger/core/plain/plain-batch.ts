import { accountId } from '../account-id.ts';
import { RowKind } from '../journal-row.ts';
import { type Original, originalOf } from '../original.ts';
import {
  HELD_AT,
  HELD_ROW_BYTES,
  heldTemplate,
  PLAIN_AT,
  PLAIN_ROW_BYTES,
  type PlainRows,
  plainTemplate,
  POSTGRES_EPOCH_MICROS,
} from '../row-bytes.ts';
import { IdTable } from './id-table.ts';
import {
  CREDITS,
  DEBITS,
  type HeldTotals,
  HIGH,
  LOW,
  type PlainAccounts,
  WORDS_PER_SLOT,
} from './plain-accounts.ts';
import { idWords, PlainColumns } from './plain-columns.ts';

/** What all rows of a batch share. */
export interface PlainStamp {
  readonly book: number;
  readonly epoch: number;
  /** Of the newest row before the batch. */
  readonly seqBefore: number;
  /** Microseconds since 1970. */
  readonly atMicros: number;
}

/** Ids of which it is known that they may have been decided. */
export interface KnownIds {
  has(a: number, b: number, c: number, d: number): boolean;
}

const WORD = 2 ** 32;
const NOTHING_HELD: HeldTotals = { heldDebits: 0n, heldCredits: 0n };
/** Bits above those of an account's number in the higher word of its id. */
const BOOK_SCALE = 0x1_0000;

/**
 * The plain transfers of a batch: they are its first rows. It posts what the general lane would
 * answer with POSTED, and nothing else; the accounts are changed at once.
 */
export class PlainBatch {
  readonly stamp: PlainStamp;
  readonly columns: PlainColumns;
  readonly #capacity: number;
  readonly #places: IdTable;
  #rows: Buffer;
  #view: DataView;
  /** Where the rows end. */
  #end = 0;
  /** Where each begins; undefined: all of them are plain. */
  #starts: Uint32Array | undefined;
  /** A row with all that the plain rows of this batch have in common. */
  readonly #template: Buffer;
  /** The same of rows with held sums. */
  #heldTemplate: Buffer | undefined;

  /** @param capacity transfers that may be posted */
  constructor(capacity: number, stamp: PlainStamp) {
    this.stamp = stamp;
    this.#capacity = capacity;
    this.columns = new PlainColumns(capacity);
    this.#places = new IdTable(capacity);
    this.#rows = Buffer.allocUnsafe(capacity * PLAIN_ROW_BYTES);
    this.#view = viewOf(this.#rows);
    this.#template = this.#stamped(plainTemplate());
  }

  #stamped(template: Buffer): Buffer {
    const { epoch, atMicros } = this.stamp;
    template.writeBigInt64BE(BigInt(epoch), PLAIN_AT.epoch);
    template.writeBigInt64BE(BigInt(atMicros - POSTGRES_EPOCH_MICROS), PLAIN_AT.at);
    template.writeInt16BE(RowKind.transfer, PLAIN_AT.kind);
    return template;
  }

  /** Transfers that were posted. */
  get count(): number {
    return this.columns.count;
  }

  get rows(): PlainRows {
    const bytes = this.#rows.subarray(0, this.#end);
    return { count: this.count, bytes, starts: this.#starts?.subarray(0, this.count + 1) };
  }

  /** The number of the row of a transfer. */
  seqOf(place: number): number {
    return this.stamp.seqBefore + place + 1;
  }

  /**
   * Posts one transfer of others' columns.
   * @returns false if anything about it is unusual: nothing was changed
   */
  post(from: PlainColumns, index: number, accounts: PlainAccounts, known: KnownIds): boolean {
    const at = index * 4;
    const { ids } = from;
    if (known.has(ids[at] ?? 0, ids[at + 1] ?? 0, ids[at + 2] ?? 0, ids[at + 3] ?? 0)) return false;
    const debit = accounts.slotOf(from.debits[index] ?? 0);
    const credit = accounts.slotOf(from.credits[index] ?? 0);
    if (debit < 0 || credit < 0) return false;
    const place = this.columns.count;
    this.columns.copy(from, index);
    if (!this.#places.add(this.columns.ids, place)) return false;
    const high = from.amounts[index * 2] ?? 0;
    const low = from.amounts[index * 2 + 1] ?? 0;
    if (!accounts.move(debit, credit, high, low)) {
      this.#places.removeLast(this.columns.ids, place);
      return false;
    }
    this.columns.count = place + 1;
    this.#writeRow(place, accounts, debit, credit);
    return true;
  }

  /** True if a transfer of this id was posted here. */
  has(id: string): boolean {
    return this.#placeOf(id) >= 0;
  }

  /** A transfer that was posted here, as what others may draw on. */
  original(id: string): Original | undefined {
    const place = this.#placeOf(id);
    if (place < 0) return undefined;
    const { credits, debits } = this.columns;
    return originalOf({
      id,
      kind: RowKind.transfer,
      reason: 0,
      debitAccount: accountId(this.stamp.book, debits[place] ?? 0),
      creditAccount: accountId(this.stamp.book, credits[place] ?? 0),
      amount: this.columns.amount(place),
      peer: null,
      details: null,
    });
  }

  #placeOf(id: string): number {
    const words = this.count === 0 ? undefined : idWords(id);
    return words === undefined ? -1 : this.#places.find(this.columns.ids, ...words);
  }

  #writeRow(place: number, accounts: PlainAccounts, debit: number, credit: number): void {
    const { ids, debits, credits, amounts } = this.columns;
    const { versions, words } = accounts;
    const start = this.#beginRow(place, accounts.heldOf(debit), accounts.heldOf(credit));
    const view = this.#view;
    this.#number(start + PLAIN_AT.seq, this.seqOf(place));
    for (let word = 0; word < 4; word += 1) {
      view.setInt32(start + PLAIN_AT.id + word * 4, ids[place * 4 + word] ?? 0);
    }
    this.#account(start + PLAIN_AT.debitAccount, debits[place] ?? 0);
    this.#account(start + PLAIN_AT.creditAccount, credits[place] ?? 0);
    view.setUint32(start + PLAIN_AT.amount, amounts[place * 2] ?? 0);
    view.setUint32(start + PLAIN_AT.amount + 4, amounts[place * 2 + 1] ?? 0);
    this.#number(start + PLAIN_AT.debitVersion, versions[debit] ?? 0);
    this.#number(start + PLAIN_AT.creditVersion, versions[credit] ?? 0);
    this.#total(start + PLAIN_AT.debitDebits, words, debit * WORDS_PER_SLOT + DEBITS);
    this.#total(start + PLAIN_AT.debitCredits, words, debit * WORDS_PER_SLOT + CREDITS);
    this.#total(start + PLAIN_AT.creditDebits, words, credit * WORDS_PER_SLOT + DEBITS);
    this.#total(start + PLAIN_AT.creditCredits, words, credit * WORDS_PER_SLOT + CREDITS);
  }

  /** Writes what the row has from its template, and what is held of its accounts. */
  #beginRow(place: number, ofDebit?: HeldTotals, ofCredit?: HeldTotals): number {
    const start = this.#end;
    const isHeld = ofDebit !== undefined || ofCredit !== undefined;
    this.#end = start + (isHeld ? HELD_ROW_BYTES : PLAIN_ROW_BYTES);
    if (this.#end > this.#rows.length) this.#grow(start);
    if (isHeld) {
      this.#heldTemplate ??= this.#stamped(heldTemplate());
      this.#rows.set(this.#heldTemplate, start);
      const { heldDebits, heldCredits } = ofDebit ?? NOTHING_HELD;
      this.#view.setBigInt64(start + HELD_AT.debitHeldDebits, heldDebits);
      this.#view.setBigInt64(start + HELD_AT.debitHeldCredits, heldCredits);
      const credit = ofCredit ?? NOTHING_HELD;
      this.#view.setBigInt64(start + HELD_AT.creditHeldDebits, credit.heldDebits);
      this.#view.setBigInt64(start + HELD_AT.creditHeldCredits, credit.heldCredits);
      this.#starts ??= startsOfPlain(this.#capacity, place);
    } else {
      this.#rows.set(this.#template, start);
    }
    if (this.#starts !== undefined) this.#starts[place + 1] = this.#end;
    return start;
  }

  /** Makes room for all rows that are still possible, even if something is held of all accounts. */
  #grow(used: number): void {
    const left = this.#capacity - this.count + 1;
    const grown = Buffer.allocUnsafe(used + left * HELD_ROW_BYTES);
    this.#rows.copy(grown, 0, 0, used);
    this.#rows = grown;
    this.#view = viewOf(grown);
  }

  /** A number that is neither negative nor beyond 2^53. */
  #number(at: number, value: number): void {
    this.#view.setUint32(at, value < WORD ? 0 : Math.floor(value / WORD));
    // It keeps the lower 32 bits.
    this.#view.setUint32(at + 4, value);
  }

  #account(at: number, number: number): void {
    const high = number < WORD ? 0 : Math.floor(number / WORD);
    this.#view.setUint32(at, this.stamp.book * BOOK_SCALE + high);
    this.#view.setUint32(at + 4, number);
  }

  #total(at: number, words: Uint32Array, word: number): void {
    this.#view.setUint32(at, words[word + HIGH] ?? 0);
    this.#view.setUint32(at + 4, words[word + LOW] ?? 0);
  }
}

const viewOf = ({ buffer, byteOffset, length }: Buffer) => new DataView(buffer, byteOffset, length);

/** Where rows begin of which the first ones are plain. */
function startsOfPlain(capacity: number, count: number): Uint32Array {
  const starts = new Uint32Array(capacity + 1);
  for (let place = 0; place <= count; place += 1) starts[place] = place * PLAIN_ROW_BYTES;
  return starts;
}
