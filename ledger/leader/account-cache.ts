import type { Account } from '../core/account.ts';
import { accountId, accountNumberOf, bookOf } from '../core/account-id.ts';
import { assert } from '../core/assert.ts';

const TOUCHED = 1;
const TRANSIT = 2;
/** The account has this limit. */
const MIN = 4;
const MAX = 8;
/** The account's own flags stand above these four. */
const OWN_FLAGS_SHIFT = 4;

interface HeldTotals {
  readonly heldDebits: bigint;
  readonly heldCredits: bigint;
}

const NOTHING_HELD: HeldTotals = { heldDebits: 0n, heldCredits: 0n };

/**
 * The newest state of the accounts that were used last, bounded. A million accounts as objects
 * would take several hundred megabytes; as columns of typed arrays they take about 50, and one
 * map entry each. When full, accounts that were not used since the hand last passed make room
 * (the clock algorithm).
 */
export class AccountCache {
  readonly #book: number;
  readonly #capacity: number;
  /** Slot by the account's number in its book. */
  readonly #slots = new Map<number, number>();
  readonly #assets: string[] = [];
  /** Of each asset its place in `#assets`. */
  readonly #assetIndexes = new Map<string, number>();
  /** By slot, only of accounts for which something is held: few at any time. */
  readonly #held = new Map<number, HeldTotals>();
  #hand = 0;
  #numbers: Float64Array<ArrayBuffer>;
  #debits: BigInt64Array<ArrayBuffer>;
  #credits: BigInt64Array<ArrayBuffer>;
  #min: BigInt64Array<ArrayBuffer>;
  #max: BigInt64Array<ArrayBuffer>;
  #versions: Float64Array<ArrayBuffer>;
  #asset: Uint32Array<ArrayBuffer>;
  #flags: Uint8Array<ArrayBuffer>;

  /** @param capacity accounts to keep at most; must exceed what one batch can touch */
  constructor(book: number, capacity = 2_000_000) {
    this.#book = book;
    this.#capacity = capacity;
    const size = Math.min(capacity, 4096);
    this.#numbers = new Float64Array(size);
    this.#debits = new BigInt64Array(size);
    this.#credits = new BigInt64Array(size);
    this.#min = new BigInt64Array(size);
    this.#max = new BigInt64Array(size);
    this.#versions = new Float64Array(size);
    this.#asset = new Uint32Array(size);
    this.#flags = new Uint8Array(size);
  }

  get size(): number {
    return this.#slots.size;
  }

  has(id: bigint): boolean {
    return bookOf(id) === this.#book && this.#slots.has(accountNumberOf(id));
  }

  /** A copy of the account's state; undefined if it is not here. */
  get(id: bigint): Account | undefined {
    if (bookOf(id) !== this.#book) return undefined;
    const slot = this.#slots.get(accountNumberOf(id));
    if (slot === undefined) return undefined;
    const flags = this.#flags[slot] ?? 0;
    this.#flags[slot] = flags | TOUCHED;
    const { heldDebits, heldCredits } = this.#held.get(slot) ?? NOTHING_HELD;
    return {
      id: accountId(this.#book, this.#numbers[slot] ?? 0),
      asset: this.#assets[this.#asset[slot] ?? 0] ?? '',
      transit: (flags & TRANSIT) !== 0,
      minBalance: (flags & MIN) === 0 ? null : (this.#min[slot] ?? null),
      maxBalance: (flags & MAX) === 0 ? null : (this.#max[slot] ?? null),
      debits: this.#debits[slot] ?? 0n,
      credits: this.#credits[slot] ?? 0n,
      heldDebits,
      heldCredits,
      flags: flags >> OWN_FLAGS_SHIFT,
      version: this.#versions[slot] ?? 0,
    };
  }

  set(account: Account): void {
    const number = accountNumberOf(account.id);
    assert(bookOf(account.id) === this.#book, 'an account is cached in its own book');
    const slot = this.#slots.get(number) ?? this.#takeSlot();
    this.#slots.set(number, slot);
    this.#numbers[slot] = number;
    this.#debits[slot] = account.debits;
    this.#credits[slot] = account.credits;
    this.#min[slot] = account.minBalance ?? 0n;
    this.#max[slot] = account.maxBalance ?? 0n;
    this.#versions[slot] = account.version;
    this.#asset[slot] = this.#assetIndex(account.asset);
    const own = account.flags << OWN_FLAGS_SHIFT;
    const limits =
      (account.minBalance === null ? 0 : MIN) | (account.maxBalance === null ? 0 : MAX);
    this.#flags[slot] = TOUCHED | (account.transit ? TRANSIT : 0) | limits | own;
    const { heldDebits, heldCredits } = account;
    if (heldDebits === 0n && heldCredits === 0n) this.#held.delete(slot);
    else this.#held.set(slot, { heldDebits, heldCredits });
  }

  #takeSlot(): number {
    const used = this.#slots.size;
    if (used < this.#capacity) {
      if (used === this.#numbers.length) this.#grow(Math.min(this.#capacity, used * 2));
      return used;
    }
    for (;;) {
      const slot = this.#hand;
      this.#hand = (this.#hand + 1) % this.#capacity;
      const flags = this.#flags[slot] ?? 0;
      if ((flags & TOUCHED) === 0) {
        this.#slots.delete(this.#numbers[slot] ?? 0);
        return slot;
      }
      this.#flags[slot] = flags & ~TOUCHED;
    }
  }

  #grow(size: number): void {
    this.#numbers = copied(new Float64Array(size), this.#numbers);
    this.#debits = copied(new BigInt64Array(size), this.#debits);
    this.#credits = copied(new BigInt64Array(size), this.#credits);
    this.#min = copied(new BigInt64Array(size), this.#min);
    this.#max = copied(new BigInt64Array(size), this.#max);
    this.#versions = copied(new Float64Array(size), this.#versions);
    this.#asset = copied(new Uint32Array(size), this.#asset);
    this.#flags = copied(new Uint8Array(size), this.#flags);
  }

  #assetIndex(asset: string): number {
    const known = this.#assetIndexes.get(asset);
    if (known !== undefined) return known;
    const index = this.#assets.push(asset) - 1;
    this.#assetIndexes.set(asset, index);
    return index;
  }
}

interface Column<T> {
  set(from: T): void;
}

function copied<T extends Column<T>>(to: T, from: T): T {
  to.set(from);
  return to;
}
