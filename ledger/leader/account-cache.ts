import type { Account } from '../core/account.ts';
import { accountNumberOf, bookOf } from '../core/account-id.ts';
import { assert, must } from '../core/assert.ts';
import { TOTAL_MAX } from '../core/limits.ts';
import {
  CREDITS,
  DEBITS,
  type HeldTotals,
  HIGH,
  LOW,
  type PlainAccounts,
  WORDS_PER_SLOT as WORDS,
} from '../core/plain/plain-accounts.ts';
import { AccountColumns, copied, MAX_BALANCE, MIN_BALANCE } from './account-columns.ts';
import { AccountIndex } from './account-index.ts';
import { AccountUndo } from './account-undo.ts';

const TOUCHED = 1;
const TRANSIT = 2;
/** The account has this limit. */
const MIN = 4;
const MAX = 8;
/** The account's own flags stand above these four, in three bits. */
const OWN_FLAGS_SHIFT = 4;
const OWN_FLAGS = 7 << OWN_FLAGS_SHIFT;
/** Something is held of the account or for it. */
const HELD = 128;

/** What the plain lane leaves to the general one. */
const UNUSUAL = TRANSIT | OWN_FLAGS;

const WORD = 2 ** 32;
/** The higher word of totals beyond TOTAL_MAX, which is 2^62 - 1, is at least this. */
const HIGH_BEYOND = 2 ** 30;

const NOTHING_HELD: HeldTotals = { heldDebits: 0n, heldCredits: 0n };

/**
 * The newest state of the accounts that were used last, bounded. A million accounts as objects
 * would take several hundred megabytes; as columns of typed arrays they take about 58. When full,
 * accounts that were not used since the hand last passed make room (the clock algorithm).
 *
 * What batches change that are not committed yet is here too. A batch begins with `begin`, and
 * until it is committed everything that it changes can be undone: one batch may be on its way to
 * the database while the next one is prepared on top of it. So what is here is either committed, or
 * undone as soon as it is known not to be.
 */
export class AccountCache implements PlainAccounts {
  readonly #book: number;
  #capacity: number;
  readonly #index = new AccountIndex();
  readonly #columns: AccountColumns;
  /** By slot: bits of the batches that have changed the account and are not committed. */
  #marks: Uint8Array<ArrayBuffer>;
  /** By slot: place of the partition that held the newest row when its last batch was committed. */
  #places: Uint32Array<ArrayBuffer>;
  /** Accounts with this place or a later one are not forgotten. */
  #pinnedFrom = Infinity;
  readonly #assets: string[] = [];
  /** Of each asset its place in `#assets`. */
  readonly #assetIndexes = new Map<string, number>();
  /** By slot, only of accounts for which something is held: few at any time. */
  readonly #held = new Map<number, HeldTotals>();
  /** Slots from here on were never used. */
  #unused = 0;
  /** Slots whose account was taken out again. */
  readonly #free: number[] = [];
  #hand = 0;
  /** Of the batches that are not committed: the oldest first. */
  readonly #open: AccountUndo[] = [];
  /** Logs that no batch uses. */
  readonly #idle = [new AccountUndo(1), new AccountUndo(2)];
  /** The log of the newest batch. */
  #undo: AccountUndo | undefined;

  /** @param capacity accounts to keep at most, but for those that must not be forgotten */
  constructor(book: number, capacity = 2_000_000) {
    this.#book = book;
    this.#capacity = capacity;
    const size = Math.min(capacity, 4096);
    this.#columns = new AccountColumns(size);
    this.#marks = new Uint8Array(size);
    this.#places = new Uint32Array(size);
  }

  get size(): number {
    return this.#index.size;
  }

  has(id: bigint): boolean {
    return bookOf(id) === this.#book && this.#index.get(accountNumberOf(id)) >= 0;
  }

  /** A copy of the account's state; undefined if it is not here. */
  get(id: bigint): Account | undefined {
    if (bookOf(id) !== this.#book) return undefined;
    const slot = this.#index.get(accountNumberOf(id));
    if (slot < 0) return undefined;
    const { amounts, asset, versions } = this.#columns;
    const flags = this.#columns.flags[slot] ?? 0;
    this.#columns.flags[slot] = flags | TOUCHED;
    const at = (slot * WORDS) / 2;
    const held = (flags & HELD) === 0 ? undefined : this.#held.get(slot);
    const { heldDebits, heldCredits } = held ?? NOTHING_HELD;
    return {
      id,
      asset: this.#assets[asset[slot] ?? 0] ?? '',
      transit: (flags & TRANSIT) !== 0,
      minBalance: (flags & MIN) === 0 ? null : (amounts[at + MIN_BALANCE / 2] ?? null),
      maxBalance: (flags & MAX) === 0 ? null : (amounts[at + MAX_BALANCE / 2] ?? null),
      debits: amounts[at + DEBITS / 2] ?? 0n,
      credits: amounts[at + CREDITS / 2] ?? 0n,
      heldDebits,
      heldCredits,
      flags: (flags & OWN_FLAGS) >> OWN_FLAGS_SHIFT,
      version: versions[slot] ?? 0,
    };
  }

  /** Puts a state here. If a batch is open, it is one that the newest batch has led to. */
  set(account: Account): void {
    const number = accountNumberOf(account.id);
    assert(bookOf(account.id) === this.#book, 'an account is cached in its own book');
    const known = this.#index.get(number);
    const slot = known < 0 ? this.#takeSlot() : known;
    this.#keep(slot, known < 0);
    if (known < 0) this.#index.add(number, slot);
    this.#write(slot, number, account);
  }

  /** Puts a committed state here, of an account that is not. */
  load(account: Account): void {
    const number = accountNumberOf(account.id);
    assert(bookOf(account.id) === this.#book, 'an account is cached in its own book');
    assert(this.#index.get(number) < 0, 'what is here is newer than what is loaded');
    const slot = this.#takeSlot();
    this.#index.add(number, slot);
    this.#write(slot, number, account);
  }

  /** Begins a batch. Two may be open at a time. */
  begin(): void {
    this.#undo = must(this.#idle.pop(), 'two batches are not committed at a time');
    this.#open.push(this.#undo);
  }

  /**
   * The oldest batch is committed.
   * @param place of the partition that has the newest row now, from 1 on; 0: there are none
   */
  committed(place = 0): void {
    const log = must(this.#open.shift(), 'a batch was begun');
    for (let entry = 0; entry < log.count; entry += 1) {
      const slot = log.slotOf(entry);
      this.#unmark(slot, log);
      this.#places[slot] = place;
    }
    this.#close(log);
  }

  /**
   * From now on no account is forgotten that was changed while the newest row lay in the
   * partition with this place, or in a later one.
   */
  pinFrom(place: number): void {
    this.#pinnedFrom = place;
  }

  /** Undoes all that the newest batch has changed. */
  undo(): void {
    const log = must(this.#open.pop(), 'a batch was begun');
    for (let entry = log.count - 1; entry >= 0; entry -= 1) {
      const slot = log.slotOf(entry);
      this.#unmark(slot, log);
      this.#held.delete(slot);
      if (log.wasAbsent(entry)) {
        this.#index.delete(this.#columns.numbers[slot] ?? 0);
        this.#free.push(slot);
        continue;
      }
      this.#columns.copy(slot, log.states, entry);
      const held = log.held.get(slot);
      if (held !== undefined) this.#held.set(slot, held);
    }
    this.#close(log);
  }

  /** Batches that are not committed. */
  get open(): number {
    return this.#open.length;
  }

  get words(): Uint32Array {
    return this.#columns.words;
  }

  get versions(): Float64Array {
    return this.#columns.versions;
  }

  slotOf(number: number): number {
    return this.#index.get(number);
  }

  heldOf(slot: number): HeldTotals | undefined {
    return ((this.#columns.flags[slot] ?? 0) & HELD) === 0 ? undefined : this.#held.get(slot);
  }

  move(debit: number, credit: number, high: number, low: number): boolean {
    const { words, flags, asset, versions } = this.#columns;
    const debitFlags = flags[debit] ?? 0;
    const creditFlags = flags[credit] ?? 0;
    if (((debitFlags | creditFlags) & UNUSUAL) !== 0 || asset[debit] !== asset[credit])
      return false;
    const d = debit * WORDS + DEBITS;
    const c = credit * WORDS + CREDITS;
    const debitsLow = (words[d + LOW] ?? 0) + low;
    const debitsHigh = (words[d + HIGH] ?? 0) + high + (debitsLow >= WORD ? 1 : 0);
    const creditsLow = (words[c + LOW] ?? 0) + low;
    const creditsHigh = (words[c + HIGH] ?? 0) + high + (creditsLow >= WORD ? 1 : 0);
    if (debitsHigh >= HIGH_BEYOND || creditsHigh >= HIGH_BEYOND) return false;
    if (((debitFlags | creditFlags) & HELD) !== 0) {
      if (!this.#hasRoom(debit, credit, bigintOf(high, low))) return false;
    } else {
      if ((debitFlags & MIN) !== 0 && !this.#staysAbove(debit, high, low)) return false;
      if ((creditFlags & MAX) !== 0 && !this.#staysBelow(credit, high, low)) return false;
    }
    this.#keep(debit, false);
    this.#keep(credit, false);
    // A typed array keeps the lower 32 bits of what is written to it.
    words[d + LOW] = debitsLow;
    words[d + HIGH] = debitsHigh;
    words[c + LOW] = creditsLow;
    words[c + HIGH] = creditsHigh;
    versions[debit] = (versions[debit] ?? 0) + 1;
    versions[credit] = (versions[credit] ?? 0) + 1;
    flags[debit] = debitFlags | TOUCHED;
    flags[credit] = creditFlags | TOUCHED;
    return true;
  }

  /** True if an amount can be moved, with what is held of the payer and for the payee. */
  #hasRoom(debit: number, credit: number, amount: bigint): boolean {
    const { amounts, flags } = this.#columns;
    const [d, c] = [(debit * WORDS) / 2, (credit * WORDS) / 2];
    const debits =
      (amounts[d + DEBITS / 2] ?? 0n) + (this.heldOf(debit)?.heldDebits ?? 0n) + amount;
    const credits =
      (amounts[c + CREDITS / 2] ?? 0n) + (this.heldOf(credit)?.heldCredits ?? 0n) + amount;
    if (debits > TOTAL_MAX || credits > TOTAL_MAX) return false;
    if (((flags[debit] ?? 0) & MIN) !== 0) {
      const available = (amounts[d + CREDITS / 2] ?? 0n) - debits;
      if (available < (amounts[d + MIN_BALANCE / 2] ?? 0n)) return false;
    }
    if (((flags[credit] ?? 0) & MAX) === 0) return true;
    const expected = credits - (amounts[c + DEBITS / 2] ?? 0n);
    return expected <= (amounts[c + MAX_BALANCE / 2] ?? 0n);
  }

  /** True if the account, of which nothing is held, can pay the amount. */
  #staysAbove(slot: number, high: number, low: number): boolean {
    const amount = high * WORD + low;
    const balance = this.#balance(slot);
    const min = this.#limit(slot * WORDS + MIN_BALANCE);
    if (areSafe(balance, min, amount)) return balance - amount >= min;
    // What is no safe integer may have been rounded.
    const { amounts } = this.#columns;
    const at = (slot * WORDS) / 2;
    const exact = (amounts[at + CREDITS / 2] ?? 0n) - (amounts[at + DEBITS / 2] ?? 0n);
    return exact - bigintOf(high, low) >= (amounts[at + MIN_BALANCE / 2] ?? 0n);
  }

  /** True if the account, for which nothing is held, can take the amount in. */
  #staysBelow(slot: number, high: number, low: number): boolean {
    const amount = high * WORD + low;
    const balance = this.#balance(slot);
    const max = this.#limit(slot * WORDS + MAX_BALANCE);
    if (areSafe(balance, max, amount)) return balance + amount <= max;
    const { amounts } = this.#columns;
    const at = (slot * WORDS) / 2;
    const exact = (amounts[at + CREDITS / 2] ?? 0n) - (amounts[at + DEBITS / 2] ?? 0n);
    return exact + bigintOf(high, low) <= (amounts[at + MAX_BALANCE / 2] ?? 0n);
  }

  #balance(slot: number): number {
    const { words } = this.#columns;
    const [d, c] = [slot * WORDS + DEBITS, slot * WORDS + CREDITS];
    const high = (words[c + HIGH] ?? 0) - (words[d + HIGH] ?? 0);
    return high * WORD + ((words[c + LOW] ?? 0) - (words[d + LOW] ?? 0));
  }

  /** A limit, which may be negative. */
  #limit(at: number): number {
    const { words } = this.#columns;
    return ((words[at + HIGH] ?? 0) | 0) * WORD + (words[at + LOW] ?? 0);
  }

  #write(slot: number, number: number, account: Account): void {
    const { amounts, asset, flags, numbers, versions } = this.#columns;
    const at = (slot * WORDS) / 2;
    numbers[slot] = number;
    amounts[at + DEBITS / 2] = account.debits;
    amounts[at + CREDITS / 2] = account.credits;
    amounts[at + MIN_BALANCE / 2] = account.minBalance ?? 0n;
    amounts[at + MAX_BALANCE / 2] = account.maxBalance ?? 0n;
    versions[slot] = account.version;
    asset[slot] = this.#assetIndex(account.asset);
    const { heldDebits, heldCredits } = account;
    const held = heldDebits !== 0n || heldCredits !== 0n;
    const own = account.flags << OWN_FLAGS_SHIFT;
    const limits =
      (account.minBalance === null ? 0 : MIN) | (account.maxBalance === null ? 0 : MAX);
    const nature = (account.transit ? TRANSIT : 0) | (held ? HELD : 0);
    flags[slot] = TOUCHED | nature | limits | own;
    if (held) this.#held.set(slot, { heldDebits, heldCredits });
    else this.#held.delete(slot);
  }

  /** To be called before a slot is changed: the newest batch can then undo that. */
  #keep(slot: number, absent: boolean): void {
    const log = this.#undo;
    if (log === undefined) return;
    const marks = this.#marks[slot] ?? 0;
    if ((marks & log.mark) !== 0) return;
    this.#marks[slot] = marks | log.mark;
    log.add(slot, this.#columns, absent);
    if (((this.#columns.flags[slot] ?? 0) & HELD) === 0 || absent) return;
    log.held.set(slot, this.#held.get(slot) ?? NOTHING_HELD);
  }

  #unmark(slot: number, log: AccountUndo): void {
    this.#marks[slot] = (this.#marks[slot] ?? 0) & ~log.mark;
  }

  #close(log: AccountUndo): void {
    log.clear();
    this.#idle.push(log);
    this.#undo = this.#open.at(-1);
  }

  /** True: the account in the slot must not be forgotten. */
  #isPinned(slot: number): boolean {
    return (this.#marks[slot] ?? 0) !== 0 || (this.#places[slot] ?? 0) >= this.#pinnedFrom;
  }

  #takeSlot(): number {
    const freed = this.#free.pop();
    if (freed !== undefined) {
      this.#places[freed] = 0;
      return freed;
    }
    if (this.#unused >= this.#capacity) {
      const slot = this.#forgotten();
      if (slot >= 0) {
        this.#places[slot] = 0;
        return slot;
      }
      // All that is here is pinned.
      this.#capacity *= 2;
    }
    if (this.#unused === this.#columns.size) {
      const size = Math.min(this.#capacity, this.#unused * 2);
      this.#columns.grow(size);
      this.#marks = copied(new Uint8Array(size), this.#marks);
      this.#places = copied(new Uint32Array(size), this.#places);
    }
    this.#unused += 1;
    return this.#unused - 1;
  }

  /** The slot of an account that is forgotten now; -1: none may be. */
  #forgotten(): number {
    const { flags, numbers } = this.#columns;
    for (let looked = 0; looked < this.#unused * 2; looked += 1) {
      const slot = this.#hand;
      this.#hand = (this.#hand + 1) % this.#unused;
      if (this.#isPinned(slot)) continue;
      const own = flags[slot] ?? 0;
      if ((own & TOUCHED) === 0) {
        this.#index.delete(numbers[slot] ?? 0);
        return slot;
      }
      flags[slot] = own & ~TOUCHED;
    }
    return -1;
  }

  #assetIndex(asset: string): number {
    const known = this.#assetIndexes.get(asset);
    if (known !== undefined) return known;
    const index = this.#assets.push(asset) - 1;
    this.#assetIndexes.set(asset, index);
    return index;
  }
}

function bigintOf(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

function areSafe(a: number, b: number, c: number): boolean {
  return Number.isSafeInteger(a) && Number.isSafeInteger(b) && Number.isSafeInteger(c);
}
