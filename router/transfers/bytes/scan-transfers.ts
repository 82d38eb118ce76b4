import { bookOf } from '../../../ledger/core/account-id.ts';
import { CALL_ITEMS_MAX, CALL_ROWS_MAX, KEY_LENGTH_MAX } from '../../../ledger/core/limits.ts';
import { withCanonicalIds } from '../../../ledger/core/validate/canonical-ids.ts';
import { rowsOf } from '../../../ledger/core/validate/request-rows.ts';
import {
  decidingAccountOf,
  validateTransfer,
} from '../../../ledger/core/validate/validate-transfer.ts';
import { MESSAGES_MAX } from '../../../ledger/rpc/scan-message.ts';
import { CreateTransferRequest, Wait } from '../../../proto/gen/meridian/v1/transfer.ts';
import { ByteReader } from './byte-reader.ts';
import { framed } from './frame.ts';
import { ItemScan } from './scan-item.ts';
import { TRANSFERS_TAG, TransferItems } from './transfer-items.ts';

/** Tags of the fields of a plain transfer, each in one byte. */
const KEY = 0x0a;
const DEBIT_ACCOUNT_ID = 0x18;
const CREDIT_ACCOUNT_ID = 0x20;
const AMOUNT = 0x28;
const WAIT = 0x50;

/** Columns of the call that is scanned: nothing else happens meanwhile. */
const starts = new Uint32Array(CALL_ITEMS_MAX + 1);
const books = new Uint16Array(CALL_ITEMS_MAX);
const waits = new Uint8Array(CALL_ITEMS_MAX);
const rows = new Uint32Array(CALL_ITEMS_MAX);
/** Of all items of the call so far. */
let rowCount = 0;
/** For items that are not plain. Its messages are those of all items. */
const others = new ItemScan();

/**
 * The items of a CreateTransfersRequest, if every one is a valid transfer, and is
 * written as every encoder writes it: fields in their order, once, numbers in their shortest form.
 * Undefined: something is different, or wrong, or a dry run, and the call has to be decoded.
 */
export function scanTransfers(bytes: Uint8Array): TransferItems | undefined {
  begin();
  let count = 0;
  for (let at = 0; at < bytes.length; count += 1) {
    if (bytes[at] !== TRANSFERS_TAG || count === CALL_ITEMS_MAX) return undefined;
    starts[count] = at;
    let length = bytes[at + 1] ?? 0;
    at += 2;
    if (length >= 128) {
      length -= 128;
      // Of a message there are no more than 16 MiB.
      for (let scale = 128, byte = 128; byte >= 128; at += 1, scale *= 128) {
        byte = bytes[at] ?? 0;
        if (byte === 0 || scale > 128 ** 3) return undefined;
        length += (byte & 127) * scale;
      }
    }
    if (!scanItem(bytes, at, at + length, count)) return undefined;
    at += length;
  }
  return count === 0 ? undefined : scanned(bytes, count);
}

/** The same of a CreateTransferRequest: a list with one item. */
export function scanTransfer(bytes: Uint8Array): TransferItems | undefined {
  begin();
  if (!scanItem(bytes, 0, bytes.length, 0)) return undefined;
  starts[0] = 0;
  return scanned(framed(TRANSFERS_TAG, bytes), 1);
}

/**
 * The items of a CreateTransfersRequest of which some have to be decoded: those are written again, the
 * others stay as they are. Undefined: one is not valid, or a dry run, and the call has to be decoded
 * as a whole.
 *
 * @throws Error if an item cannot be decoded
 */
export function decodeSome(bytes: Uint8Array): TransferItems | undefined {
  begin();
  const parts: Uint8Array[] = [];
  const reader = new ByteReader(bytes, 0, bytes.length);
  let at = 0;
  for (let count = 0; reader.at < reader.end; count += 1) {
    const start = reader.at;
    if (bytes[start] !== TRANSFERS_TAG || count === CALL_ITEMS_MAX) return undefined;
    reader.skip(1);
    const length = reader.varint();
    const inside = reader.at;
    reader.skip(length);
    const part = scanItem(bytes, inside, reader.at, count)
      ? bytes.subarray(start, reader.at)
      : rewritten(bytes.subarray(inside, reader.at), count);
    if (part === undefined) return undefined;
    starts[count] = at;
    parts.push(part);
    at += part.length;
  }
  return parts.length === 0 ? undefined : scanned(Buffer.concat(parts, at), parts.length);
}

/** An item that was decoded and is valid, and no dry run, with its tag; fills its columns. */
function rewritten(bytes: Uint8Array, index: number): Uint8Array | undefined {
  const request = withCanonicalIds(CreateTransferRequest.decode(bytes));
  if (request.dryRun || validateTransfer(request).length > 0) return undefined;
  books[index] = bookOf(decidingAccountOf(request));
  waits[index] = request.wait === Wait.POSTED ? 0 : 1;
  rows[index] = rowsOf(request);
  rowCount += rowsOf(request);
  return framed(TRANSFERS_TAG, CreateTransferRequest.encode(request).finish());
}

function begin(): void {
  rowCount = 0;
  others.messages = 0;
}

/** What was scanned; undefined: all items are valid, but together they are too much. */
function scanned(bytes: Uint8Array, count: number): TransferItems | undefined {
  if (rowCount > CALL_ROWS_MAX || others.messages >= MESSAGES_MAX) return undefined;
  starts[count] = bytes.length;
  return new TransferItems({
    bytes,
    starts: starts.slice(0, count + 1),
    books: books.slice(0, count),
    waits: waits.slice(0, count),
    rows: rowCount === count ? undefined : rows.slice(0, count),
  });
}

/** Fills the columns of an item. False: it has to be decoded. */
function scanItem(bytes: Uint8Array, start: number, end: number, index: number): boolean {
  if (scanPlain(bytes, start, end, index)) {
    rows[index] = 1;
    rowCount += 1;
    others.messages += 1;
    return true;
  }
  if (!others.take(bytes, start, end)) return false;
  books[index] = others.book;
  waits[index] = others.waits ? 1 : 0;
  rows[index] = others.rows;
  rowCount += others.rows;
  return true;
}

/** Parts of the number that was scanned last: bits 0 to 27, 28 to 55, and 56 to 62. */
let low = 0;
let middle = 0;
let high = 0;

/**
 * Fills the columns of an item if it is plain: it has a key, two accounts, an amount and perhaps `wait`,
 * and nothing else. Most are, so this is what ItemScan does, without a step for each field.
 */
function scanPlain(bytes: Uint8Array, start: number, end: number, index: number): boolean {
  const keyLength = bytes[start + 1] ?? 0;
  if (bytes[start] !== KEY || keyLength === 0 || keyLength > KEY_LENGTH_MAX) return false;
  // A length of 128, the longest, takes two bytes.
  let at = start + 2;
  if (keyLength === 128 && bytes[at++] !== 1) return false;
  for (const keyEnd = at + keyLength; at < keyEnd; at += 1) {
    // What has no byte here is beyond the end, and NUL is not allowed.
    const byte = bytes[at] ?? 0;
    if (byte === 0 || byte >= 128) return false;
  }
  if (bytes[at] !== DEBIT_ACCOUNT_ID) return false;
  at = scanNumber(bytes, at + 1);
  const debitLow = low;
  const debitMiddle = middle;
  const debitHigh = high;
  const book = (middle >>> 20) | (high << 8);
  if (!isAccount() || bytes[at] !== CREDIT_ACCOUNT_ID) return false;
  at = scanNumber(bytes, at + 1);
  if (!isAccount() || bytes[at] !== AMOUNT) return false;
  if (low === debitLow && middle === debitMiddle && high === debitHigh) return false;
  at = scanNumber(bytes, at + 1);
  if ((low | middle | high) === 0) return false;
  let isWaiting = 1;
  if (at < end && bytes[at] === WAIT) {
    const wait = bytes[at + 1] ?? 0;
    if (wait !== Wait.SETTLED && wait !== Wait.POSTED) return false;
    if (wait === Wait.POSTED) isWaiting = 0;
    at += 2;
  }
  books[index] = book;
  waits[index] = isWaiting;
  return at === end && end <= bytes.length;
}

/** True if the number that was scanned has a book and an account: see core/account-id.ts. */
function isAccount(): boolean {
  return ((middle >>> 20) | high) !== 0 && (low | (middle & 0xf_ffff)) !== 0;
}

/**
 * Scans a number of up to 63 bits in its shortest form, and returns where it ends. Any other
 * number counts as zero, which is neither an account nor an amount.
 */
function scanNumber(bytes: Uint8Array, start: number): number {
  low = 0;
  middle = 0;
  high = 0;
  let at = start;
  for (let shift = 0; shift < 63; shift += 7, at += 1) {
    const byte = bytes[at] ?? 0;
    const bits = byte & 127;
    if (shift < 28) low |= bits << shift;
    else if (shift < 56) middle |= bits << (shift - 28);
    else high = bits;
    if (byte >= 128) continue;
    if (byte === 0) break;
    return at + 1;
  }
  low = 0;
  middle = 0;
  high = 0;
  return at + 1;
}
