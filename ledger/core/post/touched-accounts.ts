import type { Account } from '../account.ts';
import { accountNumberOf, bookOf } from '../account-id.ts';

/**
 * Accounts of one book by their ids. Inside, they are found by their numbers: to find a bigint in
 * a map takes twice the time, and they are looked for several times for every transfer.
 */
export class TouchedAccounts {
  readonly #book: number;
  readonly #byNumber = new Map<number, Account>();

  constructor(book: number) {
    this.#book = book;
  }

  get(id: bigint): Account | undefined {
    return bookOf(id) === this.#book ? this.#byNumber.get(accountNumberOf(id)) : undefined;
  }

  has(id: bigint): boolean {
    return this.get(id) !== undefined;
  }

  /** Adds an account of the book, or puts it in the place of the one that has its id. */
  set(account: Account): void {
    this.#byNumber.set(accountNumberOf(account.id), account);
  }

  delete(id: bigint): void {
    if (bookOf(id) === this.#book) this.#byNumber.delete(accountNumberOf(id));
  }

  values(): Iterable<Account> {
    return this.#byNumber.values();
  }
}
