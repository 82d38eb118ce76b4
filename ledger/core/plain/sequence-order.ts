import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { accountNumberOf, bookOf } from '../account-id.ts';
import type { TransferFields } from '../validate/same-request.ts';
import { idWords } from './plain-columns.ts';

/** What is in memory of holds. */
export interface Holds {
  /** The payee of a hold; undefined: it is not in memory. */
  payeeOf(holdId: string): bigint | undefined;
  /** True if something is held of an account, or for it. */
  isHeld(number: number): boolean;
}

/**
 * What the general lane has to do of one sequence, in the order of arrival so far. A plain transfer
 * is posted before all of that, although it came later, if none of it can look at either of its
 * accounts, or at itself: no outcome can depend on their order then.
 *
 * What ends a hold looks at the payee of the hold as well, whom it need not name. If the hold is
 * not in memory, that may be any account for which something is held; a hold that is made on the
 * same sequence before has named its payee itself.
 */
export class SequenceOrder {
  readonly #book: number;
  readonly #holds: Holds;
  /** True: one of the payees is not known. */
  #anyHeld = false;
  /** Numbers of the accounts of this book that it may look at. */
  readonly #accounts = new Set<number>();
  /** The last words of the ids of transfers that it may look at. */
  readonly #transfers = new Set<number>();
  /** Requests that are not in these sets yet. Most streams never ask for them. */
  #added: (readonly CreateTransferRequest[])[] = [];

  constructor(book: number, holds: Holds) {
    this.#book = book;
    this.#holds = holds;
  }

  /** Adds all requests of a work. */
  addAll(requests: readonly CreateTransferRequest[]): void {
    this.#added.push(requests);
  }

  /** Adds a transfer of any action, or a leg of a group. */
  add(request: TransferFields): void {
    const { action, debitAccountId, creditAccountId, conditions } = request;
    if (action?.$case === 'group') {
      for (const leg of action.value.legs) this.add(leg);
      return;
    }
    this.#account(debitAccountId);
    this.#account(creditAccountId);
    if (conditions !== undefined) {
      for (const { accountId } of conditions.allOf) this.#account(accountId);
    }
    if (action?.$case === 'capture' || action?.$case === 'release') {
      const payee = this.#holds.payeeOf(action.value.holdId);
      if (payee === undefined) this.#anyHeld = true;
      else this.#account(payee);
    }
    const reversed = action?.$case === 'reversal' ? idWords(action.value.transferId) : undefined;
    if (reversed !== undefined) this.#transfers.add(reversed[3]);
  }

  /** Adds a plain transfer, by the numbers of its accounts. */
  addPlain(debit: number, credit: number): void {
    this.#accounts.add(debit);
    this.#accounts.add(credit);
  }

  /**
   * True: a transfer between these accounts must stay behind what was added.
   * @param word the last one of its id
   */
  holdsBack(debit: number, credit: number, word: number): boolean {
    if (this.#added.length > 0) this.#addAdded();
    if (this.#accounts.has(debit) || this.#accounts.has(credit)) return true;
    if (this.#anyHeld && (this.#holds.isHeld(debit) || this.#holds.isHeld(credit))) return true;
    return this.#transfers.size > 0 && this.#transfers.has(word);
  }

  #addAdded(): void {
    for (const requests of this.#added) for (const request of requests) this.add(request);
    this.#added = [];
  }

  #account(id: bigint): void {
    if (bookOf(id) === this.#book) this.#accounts.add(accountNumberOf(id));
  }
}
