import { CALL_ITEMS_MAX } from '../limits.ts';
import { PlainColumns } from './plain-columns.ts';

/** The transfers of one PostRequest, of which some at least are plain. */
export interface PlainItems {
  /** The message as it came. */
  readonly bytes: Buffer;
  /** The plain ones, each at its place. */
  readonly columns: PlainColumns;
  /** Where the key of each plain one begins in `bytes`: 36 bytes of ASCII. */
  readonly keys: Uint32Array;
  /** Chosen by the router. */
  readonly batch: bigint;
  /** All transfers of the request. */
  readonly count: number;
  /** Of each transfer of the request, in milliseconds. */
  readonly timeouts: Uint32Array;
  /** The least of them. */
  readonly timeoutMs: number;
  /** Undefined: all transfers of the stream are one sequence. */
  readonly runs: SequenceRuns | undefined;
  /** Undefined: all are plain, and the place of each is its index in the request. */
  readonly mixed: MixedItems | undefined;
}

/** Runs of neighbouring transfers, each of one sequence, which is applied in its order. */
export interface SequenceRuns {
  readonly sequences: readonly number[];
  /** Index in the request of the transfer after the last one of each run. */
  readonly ends: readonly number[];
}

/**
 * The runs of a PostRequest with so many transfers; undefined: it has none.
 * Null: they are not those of its transfers.
 */
export function runsOf(
  sequences: readonly number[],
  transfers: readonly number[],
  count: number,
): SequenceRuns | undefined | null {
  if (sequences.length === 0 && transfers.length === 0) return undefined;
  let end = 0;
  const ends = transfers.map((length) => (end += length));
  return sequences.length === ends.length && end === count ? { sequences, ends } : null;
}

/** Where the transfers of a request stand of which only some are plain. */
export interface MixedItems {
  /** Index in the request of each plain transfer. */
  readonly indexes: Uint32Array;
  /** The transfers that are not plain, in their order. */
  readonly others: readonly OtherItem[];
}

/** A transfer that is not plain, or not written as encoders write it: it is to be decoded. */
export interface OtherItem {
  /** In the request. */
  readonly index: number;
  /** Where its message begins in the bytes of the request, and where it ends. */
  readonly start: number;
  readonly end: number;
}

/** Index in the request of a plain transfer. */
export function indexOf({ mixed }: PlainItems, place: number): number {
  return mixed === undefined ? place : (mixed.indexes[place] ?? 0);
}

/** Where the message of a plain transfer begins in the bytes of the request, and where it ends. */
export function bytesAt({ bytes, keys }: PlainItems, place: number): [number, number] {
  // The tag and the length of the key stand before it, and the length of the message before those.
  const start = (keys[place] ?? 0) - 2;
  return [start, start + (bytes[start - 1] ?? 0)];
}

// Tags: the number of a field and its wire type.
const BATCH = 8;
const TRANSFER = 18;
const TIMEOUTS = 26;
const RUN_SEQUENCES = 34;
const RUN_TRANSFERS = 42;
const KEY = 10;
const DEBIT = 24;
const CREDIT = 32;
const AMOUNT = 40;
const WAIT = 80;

/** A key is a UUID in its canonical form. */
const KEY_BYTES = 36;
/** Tags, key and the shortest numbers. */
const ITEM_BYTES_MIN = 2 + 2 + KEY_BYTES + 8 + 8 + 2;
/** Only lengths of one byte: nothing that is plain is longer. */
const ITEM_BYTES_MAX = 127;
const WAIT_MAX = 2;

const HYPHEN = 0x2d;
/** Higher than every digit. */
const NO_DIGIT = 0x100;
const DIGITS = new Uint16Array(256).fill(NO_DIGIT);
for (let value = 0; value < 16; value += 1) DIGITS[value.toString(16).charCodeAt(0)] = value;
const VERSION_AT = 14;
const DERIVED = '8'.charCodeAt(0);

/** Bits of an account's number in the higher word of its id, below those of its book. */
const NUMBER_BITS = 16;
const WORD = 2 ** 32;

/**
 * Reads what is plain straight from its bytes, without an object for each transfer. There is one for
 * all messages, because nothing else happens while a message is read.
 */
class PlainScan {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Where the message begins that was passed by last. */
  #start = 0;
  /** The words of the number that was read last. */
  #high = 0;
  #low = 0;
  /** NO_DIGIT if any digit that was read is none. */
  #bad = 0;

  run(bytes: Buffer, book: number): PlainItems | undefined {
    const capacity = Math.min(CALL_ITEMS_MAX, Math.floor(bytes.length / ITEM_BYTES_MIN));
    const columns = new PlainColumns(capacity);
    const keys = new Uint32Array(capacity);
    const others: OtherItem[] = [];
    let indexes: Uint32Array | undefined;
    let count = 0;
    this.#bytes = bytes;
    this.#at = 0;
    let batch = 0n;
    if (bytes[0] === BATCH) {
      this.#at = 1;
      if (!this.#number()) return undefined;
      batch = (BigInt(this.#high) << 32n) | BigInt(this.#low);
    }
    for (; bytes[this.#at] === TRANSFER; count += 1) {
      if (count === CALL_ITEMS_MAX) return undefined;
      const start = this.#at;
      if (columns.count < capacity && this.#item(columns, keys, book)) {
        if (indexes !== undefined) indexes[columns.count] = count;
        columns.count += 1;
        continue;
      }
      this.#at = start + 1;
      if (!this.#skip()) return undefined;
      indexes ??= firstIndexes(capacity, columns.count);
      others.push({ index: count, start: this.#start, end: this.#at });
    }
    if (columns.count === 0) return undefined;
    const timeouts = new Uint32Array(count);
    const timeoutMs = this.#timeouts(timeouts);
    if (timeoutMs < 0) return undefined;
    const runs = this.#runs(count);
    if (runs === null) return undefined;
    const mixed = indexes && { indexes, others };
    return { bytes, columns, keys, batch, count, timeouts, timeoutMs, runs, mixed };
  }

  /** Passes a message by, from its length on; false: it is cut off. */
  #skip(): boolean {
    if (!this.#number() || this.#high > 0) return false;
    this.#start = this.#at;
    this.#at += this.#low;
    return this.#at <= this.#bytes.length;
  }

  /** Reads one transfer; false: it is not plain. */
  #item(columns: PlainColumns, keys: Uint32Array, book: number): boolean {
    const bytes = this.#bytes;
    const length = bytes[this.#at + 1] ?? 0;
    const start = this.#at + 2;
    const end = start + length;
    if (length > ITEM_BYTES_MAX || end > bytes.length) return false;
    if (bytes[start] !== KEY || bytes[start + 1] !== KEY_BYTES) return false;
    const place = columns.count;
    keys[place] = start + 2;
    if (!this.#key(start + 2, columns.ids, place * 4)) return false;
    this.#at = start + 2 + KEY_BYTES;
    const debit = this.#account(DEBIT, book);
    const credit = this.#account(CREDIT, book);
    if (debit <= 0 || credit <= 0 || debit === credit) return false;
    if (bytes[this.#at] !== AMOUNT) return false;
    this.#at += 1;
    if (!this.#number() || (this.#high === 0 && this.#low === 0)) return false;
    columns.debits[place] = debit;
    columns.credits[place] = credit;
    columns.amounts[place * 2] = this.#high;
    columns.amounts[place * 2 + 1] = this.#low;
    if (this.#at < end && bytes[this.#at] === WAIT) {
      const wait = bytes[this.#at + 1] ?? 0;
      if (wait === 0 || wait > WAIT_MAX) return false;
      this.#at += 2;
    }
    return this.#at === end;
  }

  /** Reads a key; false: it is no UUID in its canonical form, or of the version that is hashed. */
  #key(at: number, ids: Int32Array, word: number): boolean {
    const bytes = this.#bytes;
    if (
      bytes[at + 8] !== HYPHEN ||
      bytes[at + 13] !== HYPHEN ||
      bytes[at + 18] !== HYPHEN ||
      bytes[at + 23] !== HYPHEN ||
      bytes[at + VERSION_AT] === DERIVED
    ) {
      return false;
    }
    this.#bad = 0;
    ids[word] = (this.#digits(at) << 16) | this.#digits(at + 4);
    ids[word + 1] = (this.#digits(at + 9) << 16) | this.#digits(at + 14);
    ids[word + 2] = (this.#digits(at + 19) << 16) | this.#digits(at + 24);
    ids[word + 3] = (this.#digits(at + 28) << 16) | this.#digits(at + 32);
    return this.#bad < NO_DIGIT;
  }

  /** Reads four digits. */
  #digits(at: number): number {
    const bytes = this.#bytes;
    const a = DIGITS[bytes[at] ?? 0] ?? NO_DIGIT;
    const b = DIGITS[bytes[at + 1] ?? 0] ?? NO_DIGIT;
    const c = DIGITS[bytes[at + 2] ?? 0] ?? NO_DIGIT;
    const d = DIGITS[bytes[at + 3] ?? 0] ?? NO_DIGIT;
    this.#bad |= a | b | c | d;
    return (a << 12) | (b << 8) | (c << 4) | d;
  }

  /** The number of an account in this book; 0 or less: there is none. */
  #account(tag: number, book: number): number {
    if (this.#bytes[this.#at] !== tag) return 0;
    this.#at += 1;
    if (!this.#number() || this.#high >>> NUMBER_BITS !== book) return 0;
    return (this.#high & ((1 << NUMBER_BITS) - 1)) * WORD + this.#low;
  }

  /** Reads a number from 0 to 2^63 - 1, in as few bytes as it needs; false: there is none. */
  #number(): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    // 28 bits in each of two parts, and seven in the last byte.
    let part = 0;
    let low = 0;
    let middle = 0;
    let at = start;
    let byte = bytes[at] ?? 0;
    for (; byte > 127 && part < 8; part += 1) {
      if (part < 4) low |= (byte & 127) << (part * 7);
      else middle |= (byte & 127) << ((part - 4) * 7);
      at += 1;
      byte = bytes[at] ?? 0;
    }
    if (byte > 127 || at >= bytes.length || (byte === 0 && part > 0)) return false;
    let top = 0;
    if (part < 4) low |= byte << (part * 7);
    else if (part < 8) middle |= byte << ((part - 4) * 7);
    else top = byte;
    this.#low = (low | (middle << 28)) >>> 0;
    this.#high = (middle >>> 4) + top * 0x100_0000;
    this.#at = at + 1;
    return true;
  }

  /** Reads the runs to the end of the message; null: it ends otherwise, or they do not fit. */
  #runs(count: number): SequenceRuns | undefined | null {
    const sequences = this.#packed(RUN_SEQUENCES);
    const transfers = this.#packed(RUN_TRANSFERS);
    if (sequences === undefined || transfers === undefined) return null;
    return this.#at === this.#bytes.length ? runsOf(sequences, transfers, count) : null;
  }

  /** The numbers of a field, none if it is not there; undefined: they are cut off, or too large. */
  #packed(tag: number): number[] | undefined {
    const numbers: number[] = [];
    if (this.#bytes[this.#at] !== tag) return numbers;
    this.#at += 1;
    const end = this.#end();
    while (this.#at < end) {
      if (!this.#number() || this.#high > 0) return undefined;
      numbers.push(this.#low);
    }
    return this.#at === end ? numbers : undefined;
  }

  /** Reads a length, and returns where that number of bytes ends; -1: it is cut off. */
  #end(): number {
    if (!this.#number() || this.#high > 0) return -1;
    const end = this.#at + this.#low;
    return end <= this.#bytes.length ? end : -1;
  }

  /** Reads the timeouts; returns the least, -1 if there is not one for each transfer. */
  #timeouts(timeouts: Uint32Array): number {
    if (this.#bytes[this.#at] !== TIMEOUTS) return -1;
    this.#at += 1;
    const end = this.#end();
    let least = Infinity;
    let count = 0;
    for (; this.#at < end; count += 1) {
      if (!this.#number() || this.#high > 0) return -1;
      // What is written beyond the end of the array is lost.
      timeouts[count] = this.#low;
      least = Math.min(least, this.#low);
    }
    return count === timeouts.length && this.#at === end ? least : -1;
  }
}

/** Indexes of plain transfers, of which the first ones are at the place of their index. */
function firstIndexes(capacity: number, count: number): Uint32Array {
  const indexes = new Uint32Array(capacity);
  for (let place = 0; place < count; place += 1) indexes[place] = place;
  return indexes;
}

const scan = new PlainScan();

/**
 * Reads the plain transfers within one book of a PostRequest, and finds those that are not plain.
 * Undefined: none is, or the request is written in any other way than encoders write it; then it is
 * to be decoded.
 */
export function scanPlain(bytes: Buffer, book: number): PlainItems | undefined {
  return scan.run(bytes, book);
}
