import { assert } from './assert.ts';

/**
 * An account id is 63 bits: the book's number (1..32767) in the top bits, the account's
 * number in its book (1..2^48-1) below. So an id alone determines where the account lives.
 */
const BOOK_BITS = 16;
const BOOK_SCALE = 2 ** BOOK_BITS;
const WORD = 2 ** 32;

// An id of 64 bits, read as its two words: to shift a bigint would make another one, and ids are
// taken apart several times for every transfer. The lower word comes first on every processor that
// Node runs on.
const whole = new BigInt64Array(1);
const words = new Uint32Array(whole.buffer);

/**
 * Number of the book that an account id points to; 0 or less if it is not an account id.
 * @param id of 64 bits, as all numbers of requests and rows are
 */
export function bookOf(id: bigint): number {
  whole[0] = id;
  return (words[1] ?? 0) >> BOOK_BITS;
}

/** Number of the account in its book; fits a JS number. @param id of 64 bits */
export function accountNumberOf(id: bigint): number {
  whole[0] = id;
  return ((words[1] ?? 0) % BOOK_SCALE) * WORD + (words[0] ?? 0);
}

export function accountId(book: number, number: number): bigint {
  assert(book >= 1 && book <= 32767, `book number ${book} is out of range`);
  assert(number >= 1 && number < 2 ** 48, `account number ${number} is out of range`);
  words[1] = book * BOOK_SCALE + Math.floor(number / WORD);
  words[0] = number % WORD;
  return whole[0] ?? 0n;
}

/** True if the id has a book number and an account number. */
export function isAccountId(id: bigint): boolean {
  return bookOf(id) > 0 && accountNumberOf(id) > 0;
}
