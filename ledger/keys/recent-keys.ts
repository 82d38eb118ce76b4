import type { KnownKey } from './known-key.ts';
import { ledgerTuning } from '../ledger-tuning.ts';

/** Where a UUID has its version. */
const VERSION_PLACE = 14;

/** How far the clock of a payer is trusted to be from that of this server. */
export const SKEW_MS = 10_000;

/** As `RecentKeys.wouldHave`, of keys that are remembered since a time. */
export function wouldBeHere(id: string, since: number, now: number): boolean {
  if (id.charAt(VERSION_PLACE) !== '7') return false;
  const madeAt = parseInt(id.slice(0, 8), 16) * 65_536 + parseInt(id.slice(9, 13), 16);
  return madeAt - SKEW_MS >= since && madeAt <= now + SKEW_MS;
}

/** The keys decided last, in memory, bounded: two generations, the older dropped when full. */
export class RecentKeys {
  #newer = new Map<string, KnownKey>();
  #older = new Map<string, KnownKey>();
  /** In milliseconds since 1970: every key that was decided since then is in a generation. */
  #newerSince: number;
  #olderSince: number;

  readonly #generation: number;
  readonly #now: () => number;

  /**
   * @param generation keys of one generation
   * @param now milliseconds since 1970
   */
  constructor(generation = ledgerTuning.recentKeys, now: () => number = Date.now) {
    this.#generation = generation;
    this.#now = now;
    this.#newerSince = now();
    this.#olderSince = this.#newerSince;
  }

  /**
   * True for an id whose outcome would be here if it had one, unless the clock of its payer is
   * wrong: a UUID of version 7, which has the time of its making, and was made while
   * everything that was decided since is remembered. No answer may depend on it.
   */
  wouldHave(id: string, now: number): boolean {
    return wouldBeHere(id, this.#olderSince, now);
  }

  get(id: string): KnownKey | undefined {
    return this.#newer.get(id) ?? this.#older.get(id);
  }

  set(id: string, known: KnownKey): void {
    if (this.#newer.size >= this.#generation) {
      this.#older = this.#newer;
      this.#newer = new Map();
      this.#olderSince = this.#newerSince;
      this.#newerSince = this.#now();
    }
    this.#newer.set(id, known);
  }
}
