import { WORDS_PER_SLOT as WORDS } from '../core/plain/plain-accounts.ts';

/** Where the limits of an account stand among its words, behind its totals. */
export const MIN_BALANCE = 4;
export const MAX_BALANCE = 6;

/**
 * States of accounts, as columns of typed arrays: a million of them take 52 MB, and none of them is
 * an object that the garbage collector would have to look at.
 */
export class AccountColumns {
  /**
   * Debits, credits and limits of 64 bits each. The same memory is read as whole numbers, and as
   * words of 32 bits, with which the plain lane computes exactly and without making a bigint.
   */
  amounts: BigInt64Array<ArrayBuffer>;
  words: Uint32Array<ArrayBuffer>;
  /** Of the account in its book. */
  numbers: Float64Array<ArrayBuffer>;
  versions: Float64Array<ArrayBuffer>;
  asset: Uint32Array<ArrayBuffer>;
  flags: Uint8Array<ArrayBuffer>;

  constructor(size: number) {
    this.amounts = new BigInt64Array((size * WORDS) / 2);
    this.words = new Uint32Array(this.amounts.buffer);
    this.numbers = new Float64Array(size);
    this.versions = new Float64Array(size);
    this.asset = new Uint32Array(size);
    this.flags = new Uint8Array(size);
  }

  get size(): number {
    return this.numbers.length;
  }

  grow(size: number): void {
    this.amounts = copied(new BigInt64Array((size * WORDS) / 2), this.amounts);
    this.words = new Uint32Array(this.amounts.buffer);
    this.numbers = copied(new Float64Array(size), this.numbers);
    this.versions = copied(new Float64Array(size), this.versions);
    this.asset = copied(new Uint32Array(size), this.asset);
    this.flags = copied(new Uint8Array(size), this.flags);
  }

  /** Takes over the state that stands at a place of other columns. */
  copy(place: number, from: AccountColumns, fromPlace: number): void {
    const [to, source] = [place * WORDS, fromPlace * WORDS];
    for (let word = 0; word < WORDS; word += 1) {
      this.words[to + word] = from.words[source + word] ?? 0;
    }
    this.numbers[place] = from.numbers[fromPlace] ?? 0;
    this.versions[place] = from.versions[fromPlace] ?? 0;
    this.asset[place] = from.asset[fromPlace] ?? 0;
    this.flags[place] = from.flags[fromPlace] ?? 0;
  }
}

interface Column<T> {
  set(from: T): void;
}

/** The larger column with the content of the smaller one. */
export function copied<T extends Column<T>>(to: T, from: T): T {
  to.set(from);
  return to;
}
