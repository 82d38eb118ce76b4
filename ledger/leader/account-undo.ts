import type { HeldTotals } from '../core/plain/plain-accounts.ts';
import { AccountColumns, copied } from './account-columns.ts';

/**
 * The accounts that a batch has changed, each as it was before: one entry per account, made before
 * its first change. It is kept from batch to batch, so that none makes garbage.
 */
export class AccountUndo {
  /** Bit that marks the slots of accounts which have an entry. */
  readonly mark: number;
  /** States before, by entry. */
  readonly states = new AccountColumns(1_024);
  /** By slot, only of accounts for which something was held. */
  readonly held = new Map<number, HeldTotals>();
  #slots = new Int32Array(1_024);
  #count = 0;

  constructor(mark: number) {
    this.mark = mark;
  }

  get count(): number {
    return this.#count;
  }

  /** The slot of an entry. */
  slotOf(entry: number): number {
    const slot = this.#slots[entry] ?? 0;
    return slot < 0 ? ~slot : slot;
  }

  /** True: the account was not in memory before. */
  wasAbsent(entry: number): boolean {
    return (this.#slots[entry] ?? 0) < 0;
  }

  /** Keeps the state of a slot. @param absent true: it had none */
  add(slot: number, columns: AccountColumns, absent: boolean): void {
    if (this.#count === this.#slots.length) {
      this.#slots = copied(new Int32Array(this.#count * 2), this.#slots);
      this.states.grow(this.#count * 2);
    }
    this.#slots[this.#count] = absent ? ~slot : slot;
    if (!absent) this.states.copy(this.#count, columns, slot);
    this.#count += 1;
  }

  clear(): void {
    this.#count = 0;
    this.held.clear();
  }
}
