/** Account numbers of one page. */
const PAGE_BITS = 12;
const PAGE_SIZE = 2 ** PAGE_BITS;

/** Larger numbers are looked up in a map: accounts are numbered from 1, without gaps. */
const DENSE_NUMBERS = 2 ** 32;

/**
 * The slot of each account by its number in its book. Four bytes for each number that the book
 * has given, in pages that are made when they are first needed.
 */
export class AccountIndex {
  /** Of each number its slot and one; 0: it has none. */
  readonly #pages: (Int32Array<ArrayBuffer> | undefined)[] = [];
  readonly #far = new Map<number, number>();
  #size = 0;

  /** Accounts that have a slot. */
  get size(): number {
    return this.#size;
  }

  /** The slot of an account; -1: it has none. */
  get(number: number): number {
    if (number >= DENSE_NUMBERS) return this.#far.get(number) ?? -1;
    const page = this.#pages[number >>> PAGE_BITS];
    return page === undefined ? -1 : (page[number & (PAGE_SIZE - 1)] ?? 0) - 1;
  }

  /** Gives a slot to an account that has none. */
  add(number: number, slot: number): void {
    this.#size += 1;
    if (number >= DENSE_NUMBERS) this.#far.set(number, slot);
    else this.#pageOf(number)[number & (PAGE_SIZE - 1)] = slot + 1;
  }

  /** Takes the slot away from an account that has one. */
  delete(number: number): void {
    this.#size -= 1;
    if (number >= DENSE_NUMBERS) this.#far.delete(number);
    else this.#pageOf(number)[number & (PAGE_SIZE - 1)] = 0;
  }

  #pageOf(number: number): Int32Array<ArrayBuffer> {
    const place = number >>> PAGE_BITS;
    const page = this.#pages[place] ?? new Int32Array(PAGE_SIZE);
    this.#pages[place] = page;
    return page;
  }
}
