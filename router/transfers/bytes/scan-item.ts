import * as limits from '../../../ledger/core/limits.ts';
import { UpTo } from '../../../proto/gen/meridian/v1/movement.ts';
import { Wait } from '../../../proto/gen/meridian/v1/transfer.ts';
import { textLength } from './utf8.ts';

/** Numbers of the fields of a CreateTransferRequest, and one that only legs of groups have. */
const KEY = 1;
const NAMESPACE = 2;
const DEBIT_ACCOUNT_ID = 3;
const CREDIT_ACCOUNT_ID = 4;
const AMOUNT = 5;
const ASSET = 6;
const CODE = 7;
const REFERENCE = 8;
const METADATA = 9;
const WAIT = 10;
const HOLD = 11;
const CAPTURE = 12;
const RELEASE = 13;
const REVERSAL = 14;
const GROUP = 15;
const UP_TO = 16;
const CONDITIONS = 17;
/** Left to the decoder. */
const DRY_RUN = 18;
const ALLOW_ZERO = 19;
const REST = 20;

/** By the number of a field of a transfer: what it is above. */
const TRANSFER_FIELDS = Uint8Array.from({ length: REST }, (_, number) =>
  number === DRY_RUN ? 0 : number,
);
/** The same of a leg. The order of its fields is that of a transfer. */
const LEG_FIELDS = Uint8Array.of(
  0,
  DEBIT_ACCOUNT_ID,
  CREDIT_ACCOUNT_ID,
  AMOUNT,
  ASSET,
  CODE,
  REFERENCE,
  METADATA,
  HOLD,
  CAPTURE,
  RELEASE,
  REVERSAL,
  UP_TO,
  CONDITIONS,
  ALLOW_ZERO,
  REST,
);

/** Wire types. */
const VARINT = 0;
const BYTES = 2;

/** Tags of fields of the messages in a transfer. */
const FIRST_TEXT = 0x0a;
const SECOND_TEXT = 0x12;
const FIRST_NUMBER = 0x08;
const FINAL = 0x10;
const LEGS = 0x0a;
const ALL_OF = 0x0a;
/** Of the three tests of a condition. */
const BALANCE_AT_LEAST = 0x10;
const BALANCE_AT_MOST = 0x18;
const VERSION = 0x20;

const INT32_MAX = 2 ** 31 - 1;
const UUID_LENGTH = 36;
const UUID_DIGITS = 32;
const HYPHEN = 0x2d;
const SLASH = 0x2f;

/** Numbers have 63 bits: the lowest 28 of them, and the 35 above. */
const LOW_BITS = 2 ** 28;
/** Of the 35 bits, those of the number of an account; the rest is its book's. */
const ACCOUNT_BITS = 2 ** 20;

/** 1: the byte may be in the code of an asset. */
const ASSET_BYTES = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-') ASSET_BYTES[char.charCodeAt(0)] = 1;
/** 1: a digit of a UUID in its canonical form. */
const HEX_BYTES = new Uint8Array(256);
for (const char of '0123456789abcdef') HEX_BYTES[char.charCodeAt(0)] = 1;

const ASSET_CODE_LENGTH_MAX = 16;

/** What was found in a transfer, or in a leg of a group; a number that is not set is zero. */
class Movement {
  debitLow = 0;
  debitHigh = 0;
  creditLow = 0;
  creditHigh = 0;
  hasKey = false;
  hasCredit = false;
  hasAmount = false;
  hasAsset = false;
  hasConditions = false;
  allowZero = false;
  rest = false;
  upTo = 0;
  wait = 0;
  pairs = 0;
  legs = 0;
  /** Number of the field; zero: a plain transfer. */
  action = 0;
  /** Of the debit account; of a group that of its legs. */
  book = 0;

  clear(): void {
    this.debitLow = 0;
    this.debitHigh = 0;
    this.creditLow = 0;
    this.creditHigh = 0;
    this.hasKey = false;
    this.hasCredit = false;
    this.hasAmount = false;
    this.hasAsset = false;
    this.hasConditions = false;
    this.allowZero = false;
    this.rest = false;
    this.upTo = 0;
    this.wait = 0;
    this.pairs = 0;
    this.legs = 0;
    this.action = 0;
    this.book = 0;
  }

  get hasDebit(): boolean {
    return this.debitLow > 0 || this.debitHigh > 0;
  }

  /** True: it may have `up_to` and `rest`. */
  get moves(): boolean {
    return this.action === 0 || this.action === HOLD;
  }
}

/**
 * Reads one transfer of any kind from its bytes, without making objects of them. It takes only what
 * validateTransfer finds nothing wrong with, as encoders write it: fields in their order, once, numbers
 * in their shortest form. There is one for all messages, because nothing else happens while a message
 * is read.
 */
export class ItemScan {
  /** Number of the book that decides the item that was read last. */
  book = 0;
  /** False: its caller waits only until it is posted. */
  waits = true;
  /** Rows of the journal that it leads to. */
  rows = 1;
  /** Messages so far, those in items counted. */
  messages = 0;

  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** The number that was read last. */
  #low = 0;
  #high = 0;
  readonly #item = new Movement();
  #leg = new Movement();
  #legBefore = new Movement();

  /** Reads an item. False: it is to be decoded; then what is above means nothing. */
  take(bytes: Uint8Array, start: number, end: number): boolean {
    if (end > bytes.length) return false;
    this.#bytes = bytes;
    this.#at = start;
    const item = this.#item;
    if (!this.#movement(item, end, TRANSFER_FIELDS) || !item.hasKey) return false;
    const isGroup = item.action === GROUP;
    if (isGroup ? !isSoundGroup(item) : !isSound(item)) return false;
    this.book = item.book;
    this.waits = item.wait !== Wait.POSTED;
    this.rows = isGroup ? item.legs + 1 : 1;
    return true;
  }

  #movement(found: Movement, end: number, fields: Uint8Array): boolean {
    found.clear();
    this.messages += 1;
    let last = 0;
    while (this.#at < end) {
      const tag = this.#tag();
      const field = fields[tag >>> 3] ?? 0;
      // Only pairs of metadata come more than once.
      if (field < last || (field === last && field !== METADATA)) return false;
      last = field;
      const wireType = tag & 7;
      if (wireType === VARINT) {
        if (!this.#number() || !this.#numberField(found, field)) return false;
      } else if (wireType !== BYTES || !this.#block(found, field, end)) {
        return false;
      }
    }
    return this.#at === end;
  }

  /** The tag that comes next; zero: none of a field that is known. */
  #tag(): number {
    const first = this.#bytes[this.#at] ?? 0;
    this.#at += 1;
    if (first < 128) return first;
    // Fields have numbers below 32.
    if (this.#bytes[this.#at] !== 1) return 0;
    this.#at += 1;
    return first;
  }

  /** Reads a number of up to 63 bits. False: it is longer, or not in its shortest form. */
  #number(): boolean {
    const bytes = this.#bytes;
    let low = 0;
    let high = 0;
    for (let place = 0, scale = 1; place < 9; place += 1, this.#at += 1) {
      // What has no byte here is beyond the end.
      const byte = bytes[this.#at] ?? 0;
      if (place < 4) low |= (byte & 127) << (7 * place);
      else {
        high += (byte & 127) * scale;
        scale *= 128;
      }
      if (byte >= 128) continue;
      this.#at += 1;
      this.#low = low;
      this.#high = high;
      return byte > 0 || place === 0;
    }
    return false;
  }

  /** The number that was read last; exact up to 53 bits. */
  get #value(): number {
    return this.#high * LOW_BITS + this.#low;
  }

  /** Takes a number, which is not the default of its field: encoders leave that out. */
  #numberField(found: Movement, field: number): boolean {
    const value = this.#value;
    if (value === 0) return false;
    switch (field) {
      case DEBIT_ACCOUNT_ID:
        found.debitLow = this.#low;
        found.debitHigh = this.#high;
        found.book = Math.floor(this.#high / ACCOUNT_BITS);
        return this.#isAccount();
      case CREDIT_ACCOUNT_ID:
        found.creditLow = this.#low;
        found.creditHigh = this.#high;
        found.hasCredit = true;
        return this.#isAccount();
      case AMOUNT:
        found.hasAmount = true;
        return true;
      case CODE:
        return value <= INT32_MAX;
      case WAIT:
        found.wait = value;
        return value === Wait.SETTLED || value === Wait.POSTED;
      case UP_TO:
        found.upTo = value;
        return value <= UpTo.BOTH;
      case ALLOW_ZERO:
        found.allowZero = true;
        return value === 1;
      case REST:
        found.rest = true;
        return value === 1;
      default:
        return false;
    }
  }

  /** True if the number that was read last has a book and an account: see core/account-id.ts. */
  #isAccount(): boolean {
    const account = this.#high % ACCOUNT_BITS;
    return this.#high >= ACCOUNT_BITS && (this.#low > 0 || account > 0);
  }

  /** Reads a text or a message. */
  #block(found: Movement, field: number, movementEnd: number): boolean {
    const end = this.#blockEnd(movementEnd);
    if (end < 0) return false;
    switch (field) {
      case KEY:
        found.hasKey = true;
        return this.#text(end, 1, limits.KEY_LENGTH_MAX);
      case NAMESPACE:
        return this.#text(end, 1, limits.NAMESPACE_LENGTH_MAX);
      case ASSET:
        found.hasAsset = true;
        return this.#asset(end);
      case REFERENCE:
        return this.#text(end, 1, limits.REFERENCE_LENGTH_MAX);
      case METADATA:
        found.pairs += 1;
        return found.pairs <= limits.METADATA_PAIRS_MAX && this.#pair(end);
      case CONDITIONS:
        found.hasConditions = true;
        return this.#conditions(end, found.book);
      case HOLD:
      case CAPTURE:
      case RELEASE:
      case REVERSAL:
      case GROUP:
        if (found.action !== 0) return false;
        found.action = field;
        return field === GROUP ? this.#group(found, end) : this.#action(field, end);
      default:
        return false;
    }
  }

  /** Reads a length and returns where the block ends, or -1 if that is beyond `outerEnd`. */
  #blockEnd(outerEnd: number): number {
    if (!this.#number()) return -1;
    const end = this.#at + this.#value;
    return end <= outerEnd ? end : -1;
  }

  /** Passes over a text. */
  #text(end: number, lengthMin: number, lengthMax: number): boolean {
    const length = textLength(this.#bytes, this.#at, end);
    this.#at = end;
    return length >= lengthMin && length <= lengthMax;
  }

  /** Passes over an asset, with its scale or without. */
  #asset(end: number): boolean {
    const bytes = this.#bytes;
    const start = this.#at;
    let at = start;
    while (at < end && ASSET_BYTES[bytes[at] ?? 0] === 1) at += 1;
    const length = at - start;
    if (length === 0 || length > ASSET_CODE_LENGTH_MAX) return false;
    this.#at = end;
    if (at === end) return true;
    if (bytes[at] !== SLASH) return false;
    const digits = end - at - 1;
    const first = (bytes[at + 1] ?? 0) - 0x30;
    if (digits === 1) return first >= 0 && first <= 9;
    const second = (bytes[at + 2] ?? 0) - 0x30;
    return digits === 2 && first === 1 && second >= 0 && second <= 8;
  }

  /** Passes over a pair of metadata. */
  #pair(end: number): boolean {
    this.messages += 1;
    if (!this.#textField(end, FIRST_TEXT, limits.METADATA_NAME_LENGTH_MAX)) return false;
    return this.#at === end || this.#lastTextField(end, limits.METADATA_VALUE_LENGTH_MAX);
  }

  #lastTextField(end: number, lengthMax: number): boolean {
    return this.#textField(end, SECOND_TEXT, lengthMax) && this.#at === end;
  }

  #textField(end: number, tag: number, lengthMax: number): boolean {
    if (this.#at >= end || this.#bytes[this.#at] !== tag) return false;
    this.#at += 1;
    const textEnd = this.#blockEnd(end);
    return textEnd >= 0 && this.#text(textEnd, 1, lengthMax);
  }

  /** Passes over a hold, a capture, a release or a reversal. */
  #action(field: number, end: number): boolean {
    this.messages += 1;
    if (field !== HOLD) {
      if (!this.#uuidField(end)) return false;
      return this.#at === end || (field === CAPTURE && this.#final(end));
    }
    if (this.#at === end) return true;
    if (!this.#numberFieldOf(end, FIRST_NUMBER)) return false;
    return this.#value > 0 && this.#value <= INT32_MAX && this.#at === end;
  }

  #final(end: number): boolean {
    return this.#numberFieldOf(end, FINAL) && this.#value === 1 && this.#at === end;
  }

  /** Reads a field with a number. */
  #numberFieldOf(end: number, tag: number): boolean {
    if (this.#at >= end || this.#bytes[this.#at] !== tag) return false;
    this.#at += 1;
    return this.#number() && this.#at <= end;
  }

  /** Passes over the id of a transfer in its canonical form. */
  #uuidField(end: number): boolean {
    const bytes = this.#bytes;
    const start = this.#at + 2;
    if (start + UUID_LENGTH > end) return false;
    if (bytes[start - 2] !== FIRST_TEXT || bytes[start - 1] !== UUID_LENGTH) return false;
    let digits = 0;
    for (let at = start; at < start + UUID_LENGTH; at += 1)
      digits += HEX_BYTES[bytes[at] ?? 0] ?? 0;
    this.#at = start + UUID_LENGTH;
    return (
      digits === UUID_DIGITS &&
      bytes[start + 8] === HYPHEN &&
      bytes[start + 13] === HYPHEN &&
      bytes[start + 18] === HYPHEN &&
      bytes[start + 23] === HYPHEN
    );
  }

  /** Passes over the conditions of a transfer whose debit account is in that book. */
  #conditions(end: number, book: number): boolean {
    this.messages += 1;
    let conditions = 0;
    for (; this.#at < end; conditions += 1) {
      if (this.#bytes[this.#at] !== ALL_OF) return false;
      this.#at += 1;
      const conditionEnd = this.#blockEnd(end);
      if (conditionEnd < 0 || !this.#condition(conditionEnd, book)) return false;
    }
    return conditions > 0 && conditions <= limits.CONDITIONS_MAX;
  }

  #condition(end: number, book: number): boolean {
    this.messages += 1;
    if (!this.#numberFieldOf(end, FIRST_NUMBER) || !this.#isAccount()) return false;
    if (Math.floor(this.#high / ACCOUNT_BITS) !== book) return false;
    const tag = this.#bytes[this.#at] ?? 0;
    if (tag !== BALANCE_AT_LEAST && tag !== BALANCE_AT_MOST && tag !== VERSION) return false;
    // The value of a test is written even if it is zero.
    return this.#numberFieldOf(end, tag) && this.#at === end;
  }

  #group(found: Movement, end: number): boolean {
    this.messages += 1;
    while (this.#at < end) {
      if (this.#bytes[this.#at] !== LEGS || found.legs === limits.GROUP_LEGS_MAX) return false;
      this.#at += 1;
      const legEnd = this.#blockEnd(end);
      const leg = this.#legBefore;
      if (legEnd < 0 || !this.#movement(leg, legEnd, LEG_FIELDS) || !isSound(leg)) return false;
      const before = this.#leg;
      if (found.legs === 0) found.book = leg.book;
      else if (leg.book !== found.book) return false;
      if (leg.rest && (found.legs === 0 || !isSoundRest(leg, before))) return false;
      this.#leg = leg;
      this.#legBefore = before;
      found.legs += 1;
    }
    return found.legs > 0;
  }
}

/** True for a transfer or leg that is no group and has its fields as its kind requires. */
function isSound(found: Movement): boolean {
  if (!found.hasDebit) return false;
  const { action, upTo } = found;
  if (action === CAPTURE || action === RELEASE ? found.hasCredit : !isBetweenTwo(found)) {
    return false;
  }
  if (action === RELEASE ? found.hasAmount : found.moves && !found.hasAmount) return false;
  if (upTo === UpTo.UNSPECIFIED) return !found.allowZero;
  const isInBook = Math.floor(found.creditHigh / ACCOUNT_BITS) === found.book;
  return found.moves && (upTo === UpTo.DEBIT_AVAILABLE || isInBook);
}

function isBetweenTwo({ hasCredit, debitLow, debitHigh, creditLow, creditHigh }: Movement) {
  return hasCredit && (debitLow !== creditLow || debitHigh !== creditHigh);
}

/** True if the group itself has nothing that belongs in its legs. */
function isSoundGroup(found: Movement): boolean {
  return (
    !found.hasDebit &&
    !found.hasCredit &&
    !found.hasAmount &&
    !found.hasAsset &&
    !found.hasConditions &&
    !found.allowZero &&
    found.upTo === UpTo.UNSPECIFIED
  );
}

function isSoundRest(leg: Movement, before: Movement): boolean {
  const sameDebit = leg.debitLow === before.debitLow && leg.debitHigh === before.debitHigh;
  // Zero is that of a capture or release, which has none.
  const sameCredit = leg.creditLow === before.creditLow && leg.creditHigh === before.creditHigh;
  return leg.moves && (sameDebit || sameCredit);
}
