import { CALL_ITEMS_MAX, KEY_LENGTH_MAX } from '../../../ledger/core/limits.ts';
import { TRANSFERS_TAG, TransferItems } from './transfer-items.ts';
import { framed } from './frame.ts';

/** Tags of the fields of a plain transfer, each in one byte. */
const KEY = 0x0a;
const DEBIT_ACCOUNT_ID = 0x18;
const CREDIT_ACCOUNT_ID = 0x20;
const AMOUNT = 0x28;
const WAIT = 0x50;
/** Of the values of Wait. */
const SETTLED = 1;
const POSTED = 2;

/** Columns of the call that is scanned: nothing else happens meanwhile. */
const starts = new Uint32Array(CALL_ITEMS_MAX + 1);
const books = new Uint16Array(CALL_ITEMS_MAX);
const waits = new Uint8Array(CALL_ITEMS_MAX);

/**
 * The items of a CreateTransfersRequest, if every one is a plain transfer: it has a key of 1 to 128
 * ASCII characters, two accounts, an amount and perhaps `wait`, and nothing else; it is valid, and
 * written as every encoder writes it: fields in their order, once, numbers in their shortest form.
 * Undefined: there is more to it, or something is wrong with it, and it has to be decoded.
 */
export function scanTransfers(bytes: Uint8Array): TransferItems | undefined {
  let count = 0;
  for (let at = 0; at < bytes.length; count += 1) {
    if (bytes[at] !== TRANSFERS_TAG || count === CALL_ITEMS_MAX) return undefined;
    starts[count] = at;
    let length = bytes[at + 1] ?? 0;
    at += 2;
    if (length >= 128) {
      const high = bytes[at] ?? 0;
      if (high === 0 || high >= 128) return undefined;
      length += (high - 1) * 128;
      at += 1;
    }
    if (!scanItem(bytes, at, at + length, count)) return undefined;
    at += length;
  }
  return count === 0 ? undefined : scanned(bytes, count);
}

/** The same of a CreateTransferRequest: a list with one item. */
export function scanTransfer(bytes: Uint8Array): TransferItems | undefined {
  if (!scanItem(bytes, 0, bytes.length, 0)) return undefined;
  starts[0] = 0;
  return scanned(framed(TRANSFERS_TAG, bytes), 1);
}

function scanned(bytes: Uint8Array, count: number): TransferItems {
  starts[count] = bytes.length;
  return new TransferItems({
    bytes,
    starts: starts.slice(0, count + 1),
    books: books.slice(0, count),
    waits: waits.slice(0, count),
    rows: undefined,
  });
}

/** Parts of the number that was scanned last: bits 0 to 27, 28 to 55, and 56 to 62. */
let low = 0;
let middle = 0;
let high = 0;

/** Fills the columns of an item. False: it is not plain. A field may reach into the next item. */
function scanItem(bytes: Uint8Array, start: number, end: number, index: number): boolean {
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
    if (wait !== SETTLED && wait !== POSTED) return false;
    if (wait === POSTED) isWaiting = 0;
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
