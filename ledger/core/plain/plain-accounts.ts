/** Sums in minor units. */
export interface HeldTotals {
  readonly heldDebits: bigint;
  readonly heldCredits: bigint;
}

/**
 * The accounts of a book, as far as plain transfers look at them. Each has a slot; amounts are two
 * words of 32 bits, for a number is exact up to 2^53 only.
 */
export interface PlainAccounts {
  /** The slot of an account by its number in the book; -1: its state is not in memory. */
  slotOf(number: number): number;
  /**
   * Moves an amount, if nothing at all stands against it.
   * @returns false if anything might: nothing was changed, and the general lane decides
   */
  move(debit: number, credit: number, high: number, low: number): boolean;
  /** What is held of an account and for it, as its row states it; undefined: nothing. */
  heldOf(slot: number): HeldTotals | undefined;
  /**
   * The amounts of all slots: at WORDS_PER_SLOT times the slot its debits, then its credits, each in
   * two words in the order of the machine's bytes. Valid until the next account is loaded.
   */
  readonly words: Uint32Array;
  readonly versions: Float64Array;
}

/** Which word of an amount is the lower one, as the machine orders bytes. */
export const LOW = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 0 : 1;
export const HIGH = 1 - LOW;

/** Words of one slot, and where its totals begin among them. */
export const WORDS_PER_SLOT = 8;
export const DEBITS = 0;
export const CREDITS = 2;
