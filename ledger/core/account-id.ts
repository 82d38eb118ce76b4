import { assert } from './assert.ts';

/**
 * An account id is 63 bits: the book's number (1..32767) in the top bits, the account's
 * number in its book (1..2^48-1) below. So an id alone determines where the account lives.
 */
const NUMBER_BITS = 48n;

/** Number of the book that an account id points to; 0 or less if it is not an account id. */
export function bookOf(id: bigint): number {
  return Number(id >> NUMBER_BITS);
}

/** Number of the account in its book; fits a JS number. */
export function accountNumberOf(id: bigint): number {
  return Number(BigInt.asUintN(48, id));
}

export function accountId(book: number, number: number): bigint {
  assert(book >= 1 && book <= 32767, `book number ${book} is out of range`);
  assert(number >= 1 && number < 2 ** 48, `account number ${number} is out of range`);
  return (BigInt(book) << NUMBER_BITS) | BigInt(number);
}

/** True if the id has a book number and an account number. */
export function isAccountId(id: bigint): boolean {
  return bookOf(id) > 0 && accountNumberOf(id) > 0;
}
