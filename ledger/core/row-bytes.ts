import { assert } from './assert.ts';
import { type Entries, type JournalRow, NO_DETAILS, type RowDetails } from './journal-row.ts';
import { NO_METADATA } from './no-metadata.ts';

/**
 * Canonical bytes of rows of the journal: exactly the tuples of `COPY ... (FORMAT binary)`, so that
 * what is hashed into the chain is what the database is sent, and what it sends back. All numbers
 * are big-endian.
 *
 * A tuple is the number of its fields (int16), then for each field its length (int32, -1: NULL)
 * and its value:
 *
 * - int2, int8: a signed number of 2 or 8 bytes; int4: of 4
 * - uuid: its 16 bytes
 * - timestamptz: int8, microseconds since 2000-01-01 UTC
 * - text: UTF-8. Text that is absent is NULL, never empty; so are the code 0 and empty metadata.
 * - jsonb: the byte 1 and the text that Postgres prints: names sorted by their length in bytes,
 *   then by their bytes, `": "` between name and value, `", "` between pairs
 *
 * A row has the plain form (PLAIN_COLUMNS) exactly if all columns that only the full form
 * (FULL_COLUMNS) has are NULL. `chain` and `chain_recipe` are NULL in the bytes that are hashed.
 */
export const PLAIN_COLUMNS = [
  'seq',
  'epoch',
  'at',
  'id',
  'kind',
  'reason',
  'debit_account',
  'credit_account',
  'amount',
  'debit_version',
  'credit_version',
  'debit_debits',
  'debit_credits',
  'credit_debits',
  'credit_credits',
  'chain',
  'chain_recipe',
] as const;

/** Columns of the full form, in their order. */
export const FULL_COLUMNS = [
  ...PLAIN_COLUMNS.slice(0, -2),
  'peer_account',
  'peer_book',
  'channel_number',
  'origin_id',
  'namespace',
  'key',
  'asset',
  'code',
  'reference',
  'metadata',
  'debit_held_debits',
  'debit_held_credits',
  'credit_held_debits',
  'credit_held_credits',
  'drawn_id',
  'drawn_left',
  'group_id',
  'expires_at',
  'options',
  'changed_by',
  'account_flags',
  'min_balance',
  'max_balance',
  ...PLAIN_COLUMNS.slice(-2),
] as const;

/** 2000-01-01 UTC, where Postgres counts from, in microseconds since 1970. */
export const POSTGRES_EPOCH_MICROS = 946_684_800_000_000;

/**
 * Where the values of a plain row begin in its tuple if none of them is NULL, as is true of every
 * plain transfer that was posted. All are int8 but for `id` (16 bytes), `kind` and `reason` (int2).
 * `tail` is where the two NULLs of `chain` and `chain_recipe` begin.
 */
export const PLAIN_AT = {
  seq: 6,
  epoch: 18,
  at: 30,
  id: 42,
  kind: 62,
  reason: 68,
  debitAccount: 74,
  creditAccount: 86,
  amount: 98,
  debitVersion: 110,
  creditVersion: 122,
  debitDebits: 134,
  debitCredits: 146,
  creditDebits: 158,
  creditCredits: 170,
  tail: 178,
} as const;

/** Length of such a tuple, `chain` and `chain_recipe` being NULL. */
export const PLAIN_ROW_BYTES = 186;

/**
 * The same of a full row that has no other values than those of a plain one and what is held of both
 * accounts, as is true of a plain transfer between accounts of which something is held.
 */
export const HELD_AT = {
  debitHeldDebits: 222,
  debitHeldCredits: 234,
  creditHeldDebits: 246,
  creditHeldCredits: 258,
} as const;

/** Length of such a tuple, `chain` and `chain_recipe` being NULL. */
export const HELD_ROW_BYTES = 310;

/** What the NULLs of `chain` and `chain_recipe` take at the end of every tuple that is hashed. */
export const TAIL_BYTES = 8;

/** Rows in order of seq that the plain lane writes itself: each is a plain one, or a held one. */
export interface PlainRows {
  readonly count: number;
  /**
   * Their canonical bytes, without the header and the trailer of a COPY. They are not to be
   * overwritten before the append is over: it may wait for a connection.
   */
  readonly bytes: Buffer;
  /** Where each row begins, and where the last one ends; undefined: all are plain. */
  readonly starts?: Uint32Array | undefined;
}

/** Where a row begins. */
export function startOf({ starts }: PlainRows, index: number): number {
  return starts === undefined ? index * PLAIN_ROW_BYTES : (starts[index] ?? 0);
}

/** Rows in their canonical bytes, in order of seq. */
export interface RowBytes {
  readonly count: number;
  /** Tuples, without the header and the trailer of a COPY. */
  readonly bytes: Buffer;
  /** Runs of rows of one form, in order, and where each ends in `bytes`. */
  readonly runs: readonly RowRun[];
}

export interface RowRun {
  readonly full: boolean;
  readonly end: number;
}

/**
 * The canonical bytes of rows, in their order.
 *
 * @throws AssertionError if an id is no UUID
 */
export function encodeRows(rows: readonly JournalRow[]): RowBytes {
  const writer = new RowWriter(rows.length);
  for (const row of rows) writer.add(row);
  return writer.finish();
}

/** A tuple that is written over for every plain transfer: its lengths are right, its values zero. */
export function plainTemplate(): Buffer {
  const template = Buffer.alloc(PLAIN_ROW_BYTES);
  template.writeInt16BE(PLAIN_COLUMNS.length, 0);
  const { tail, id, kind, reason, ...numbers } = PLAIN_AT;
  for (const at of Object.values(numbers)) template.writeInt32BE(8, at - 4);
  template.writeInt32BE(16, id - 4);
  template.writeInt32BE(2, kind - 4);
  template.writeInt32BE(2, reason - 4);
  template.fill(0xff, tail);
  return template;
}

/** The same of a row with held sums. */
export function heldTemplate(): Buffer {
  const template = Buffer.alloc(HELD_ROW_BYTES, 0xff);
  template.set(plainTemplate().subarray(0, PLAIN_AT.tail));
  template.writeInt16BE(FULL_COLUMNS.length, 0);
  for (const at of Object.values(HELD_AT)) {
    template.writeInt32BE(8, at - 4);
    template.fill(0, at, at + 8);
  }
  return template;
}

/** What stands at the end of the last tuple of a batch instead of two NULLs. */
export function chainTail(chain: Uint8Array, recipe: number): Buffer {
  const tail = Buffer.alloc(4 + chain.length + 6);
  tail.writeInt32BE(chain.length, 0);
  tail.set(chain, 4);
  tail.writeInt32BE(2, 4 + chain.length);
  tail.writeInt16BE(recipe, 8 + chain.length);
  return tail;
}

/** Most rows need less: the buffer grows for those that do not. */
const USUAL_ROW_BYTES = 256;
/** Of a full row without its text: every field present. */
const FIXED_BYTES_MAX = 512;

const NULL_LENGTH = -1;
/** The fields of a plain row but for their number and the tail, all of them zero. */
const MOVEMENT = plainTemplate().subarray(2, PLAIN_AT.tail);
const TWO_TO_32 = 4_294_967_296;
const NO_ENTRIES = {
  debitVersion: null,
  creditVersion: null,
  debitDebits: null,
  debitCredits: null,
  creditDebits: null,
  creditCredits: null,
  held: null,
} as const;

class RowWriter {
  #bytes: Buffer;
  #view: DataView;
  #end = 0;
  #count = 0;
  readonly #runs: { full: boolean; end: number }[] = [];

  constructor(rows: number) {
    this.#bytes = Buffer.allocUnsafe(rows * USUAL_ROW_BYTES + FIXED_BYTES_MAX);
    this.#view = viewOf(this.#bytes);
  }

  add(row: JournalRow): void {
    this.#reserve(FIXED_BYTES_MAX);
    const full = isFull(row);
    this.#int16(full ? FULL_COLUMNS.length : PLAIN_COLUMNS.length);
    this.#plainFields(row);
    if (full) this.#otherFields(row);
    this.#null();
    this.#null();
    this.#count += 1;
    const run = this.#runs.at(-1);
    if (run?.full === full) run.end = this.#end;
    else this.#runs.push({ full, end: this.#end });
  }

  finish(): RowBytes {
    return { count: this.#count, bytes: this.#bytes.subarray(0, this.#end), runs: this.#runs };
  }

  #plainFields(row: JournalRow): void {
    if (row.entries !== null && this.#movement(row, row.entries)) return;
    const entries = row.entries ?? NO_ENTRIES;
    this.#int8(row.seq);
    this.#int8(row.epoch);
    this.#int8(row.atMicros - POSTGRES_EPOCH_MICROS);
    this.#uuid(row.id);
    this.#int2(row.kind);
    this.#int2(row.reason);
    this.#int8(row.debitAccount);
    this.#int8(row.creditAccount);
    this.#int8(row.amount);
    this.#int8(entries.debitVersion);
    this.#int8(entries.creditVersion);
    this.#int8(entries.debitDebits);
    this.#int8(entries.debitCredits);
    this.#int8(entries.creditDebits);
    this.#int8(entries.creditCredits);
  }

  /** The same at once where no field is NULL, as in most rows; false: one of them is. */
  #movement(row: JournalRow, entries: Entries): boolean {
    const { debitAccount, creditAccount, amount } = row;
    const { debitDebits, debitCredits, creditDebits, creditCredits } = entries;
    const { debitVersion, creditVersion } = entries;
    if (debitAccount === null || creditAccount === null || amount === null) return false;
    if (debitVersion === null || debitDebits === null || debitCredits === null) return false;
    if (creditVersion === null || creditDebits === null || creditCredits === null) return false;
    const view = this.#view;
    // The number of fields stands before them.
    const start = this.#end - 2;
    this.#bytes.set(MOVEMENT, this.#end);
    this.#number(start + PLAIN_AT.seq, row.seq);
    this.#number(start + PLAIN_AT.epoch, row.epoch);
    this.#number(start + PLAIN_AT.at, row.atMicros - POSTGRES_EPOCH_MICROS);
    writeUuid(this.#bytes, start + PLAIN_AT.id, row.id);
    view.setInt16(start + PLAIN_AT.kind, row.kind);
    view.setInt16(start + PLAIN_AT.reason, row.reason);
    view.setBigInt64(start + PLAIN_AT.debitAccount, debitAccount);
    view.setBigInt64(start + PLAIN_AT.creditAccount, creditAccount);
    view.setBigInt64(start + PLAIN_AT.amount, amount);
    this.#number(start + PLAIN_AT.debitVersion, debitVersion);
    this.#number(start + PLAIN_AT.creditVersion, creditVersion);
    view.setBigInt64(start + PLAIN_AT.debitDebits, debitDebits);
    view.setBigInt64(start + PLAIN_AT.debitCredits, debitCredits);
    view.setBigInt64(start + PLAIN_AT.creditDebits, creditDebits);
    view.setBigInt64(start + PLAIN_AT.creditCredits, creditCredits);
    this.#end = start + PLAIN_AT.tail;
    return true;
  }

  #otherFields(row: JournalRow): void {
    const { peer } = row;
    const held = row.entries === null ? null : row.entries.held;
    const { drawn, groupId, expiresAtMicros, options, by, settings } = row.details ?? NO_DETAILS;
    this.#int8(peer === null ? null : peer.account);
    this.#int2(peer === null ? null : peer.book);
    this.#int8(peer === null ? null : peer.number);
    this.#uuid(row.originId);
    this.#text(row.namespace);
    this.#text(row.key);
    this.#text(row.asset);
    this.#int4(row.code === 0 ? null : row.code);
    this.#text(row.reference);
    this.#jsonb(row.metadata);
    this.#int8(held === null ? null : held.debitHeldDebits);
    this.#int8(held === null ? null : held.debitHeldCredits);
    this.#int8(held === null ? null : held.creditHeldDebits);
    this.#int8(held === null ? null : held.creditHeldCredits);
    this.#uuid(drawn === null ? null : drawn.id);
    this.#int8(drawn === null ? null : drawn.left);
    this.#uuid(groupId);
    this.#int8(expiresAtMicros === null ? null : expiresAtMicros - POSTGRES_EPOCH_MICROS);
    this.#text(options);
    this.#text(by);
    this.#int2(settings === null ? null : settings.flags);
    this.#int8(settings === null ? null : settings.minBalance);
    this.#int8(settings === null ? null : settings.maxBalance);
  }

  /** Makes room for a number of bytes more, besides the fixed part of the row that is written. */
  #reserve(bytes: number): void {
    const needed = this.#end + bytes + FIXED_BYTES_MAX;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }

  #null(): void {
    this.#view.setInt32(this.#end, NULL_LENGTH);
    this.#end += 4;
  }

  #int16(value: number): void {
    this.#view.setInt16(this.#end, value);
    this.#end += 2;
  }

  #int2(value: number | null): void {
    if (value === null) {
      this.#null();
      return;
    }
    this.#view.setInt32(this.#end, 2);
    this.#view.setInt16(this.#end + 4, value);
    this.#end += 6;
  }

  #int4(value: number | null): void {
    if (value === null) {
      this.#null();
      return;
    }
    this.#view.setInt32(this.#end, 4);
    this.#view.setInt32(this.#end + 4, value);
    this.#end += 8;
  }

  #int8(value: number | bigint | null): void {
    if (value === null) {
      this.#null();
      return;
    }
    this.#view.setInt32(this.#end, 8);
    if (typeof value === 'bigint') this.#view.setBigInt64(this.#end + 4, value);
    else this.#number(this.#end + 4, value);
    this.#end += 12;
  }

  /** Writes 64 bits. */
  #number(at: number, value: number): void {
    const high = Math.floor(value / TWO_TO_32);
    this.#view.setInt32(at, high);
    this.#view.setUint32(at + 4, value - high * TWO_TO_32);
  }

  #uuid(id: string | null): void {
    if (id === null) {
      this.#null();
      return;
    }
    this.#view.setInt32(this.#end, 16);
    writeUuid(this.#bytes, this.#end + 4, id);
    this.#end += 20;
  }

  #text(value: string): void {
    if (value === '') {
      this.#null();
      return;
    }
    // A UTF-16 unit takes three bytes of UTF-8 at most.
    this.#reserve(value.length * 3);
    const length = this.#bytes.write(value, this.#end + 4, 'utf8');
    this.#view.setInt32(this.#end, length);
    this.#end += 4 + length;
  }

  #jsonb(metadata: Readonly<Record<string, string>>): void {
    const text = jsonbText(metadata);
    if (text === '') {
      this.#null();
      return;
    }
    this.#reserve(text.length * 3);
    this.#view.setUint8(this.#end + 4, 1);
    const length = this.#bytes.write(text, this.#end + 5, 'utf8') + 1;
    this.#view.setInt32(this.#end, length);
    this.#end += 4 + length;
  }
}

const viewOf = ({ buffer, byteOffset, length }: Buffer) => new DataView(buffer, byteOffset, length);

/** True if the row has a value in a column that only the full form has. */
function isFull(row: JournalRow): boolean {
  return (
    row.peer !== null ||
    row.originId !== null ||
    row.namespace !== '' ||
    row.key !== '' ||
    row.asset !== '' ||
    row.code !== 0 ||
    row.reference !== '' ||
    (row.entries !== null && row.entries.held !== null) ||
    (row.details !== null && hasDetail(row.details)) ||
    hasPair(row.metadata)
  );
}

function hasDetail(details: RowDetails): boolean {
  const { drawn, groupId, expiresAtMicros, options, by, settings } = details;
  return (
    drawn !== null ||
    groupId !== null ||
    expiresAtMicros !== null ||
    options !== '' ||
    by !== '' ||
    settings !== null
  );
}

function hasPair(metadata: Readonly<Record<string, string>>): boolean {
  if (metadata === NO_METADATA) return false;
  for (const _ in metadata) return true;
  return false;
}

/** Metadata as Postgres prints them; '' (NULL) if there are none. */
export function jsonbText(metadata: Readonly<Record<string, string>>): string {
  if (!hasPair(metadata)) return '';
  const names = Object.keys(metadata);
  if (names.length > 1) names.sort(byLengthThenBytes);
  // JSON.stringify escapes the same characters as Postgres does, in the same manner.
  const pairs = names.map(
    (name) => `${JSON.stringify(name)}: ${JSON.stringify(metadata[name] ?? '')}`,
  );
  return `{${pairs.join(', ')}}`;
}

function byLengthThenBytes(a: string, b: string): number {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length - right.length || Buffer.compare(left, right);
}

const NO_DIGIT = 0xff;
/** Values of hexadecimal digits by their character code. */
const DIGITS = new Uint8Array(128).fill(NO_DIGIT);
for (let value = 0; value < 16; value += 1) {
  const digit = value.toString(16);
  DIGITS[digit.charCodeAt(0)] = value;
  DIGITS[digit.toUpperCase().charCodeAt(0)] = value;
}

/** Places of the two digits of each byte of a UUID in its text. */
const BYTE_AT = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const;

function writeUuid(bytes: Buffer, at: number, id: string): void {
  let seen = id.length === 36 ? 0 : NO_DIGIT;
  for (let index = 0; index < 16; index += 1) {
    const place = BYTE_AT[index] ?? 0;
    const high = DIGITS[id.charCodeAt(place)] ?? NO_DIGIT;
    const low = DIGITS[id.charCodeAt(place + 1)] ?? NO_DIGIT;
    bytes[at + index] = (high << 4) | low;
    seen |= high | low;
  }
  assert(seen < 16, `${id} is a UUID`);
}
