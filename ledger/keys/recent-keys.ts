import type { KnownKey } from './known-key.ts';

/** Enough to cover the batches whose values are still on their way to Redis. */
const GENERATION_KEYS = 32_768;

/** The keys decided last, in memory, bounded: two generations, the older dropped when full. */
export class RecentKeys {
  #newer = new Map<string, KnownKey>();
  #older = new Map<string, KnownKey>();

  get(id: string): KnownKey | undefined {
    return this.#newer.get(id) ?? this.#older.get(id);
  }

  set(id: string, known: KnownKey): void {
    if (this.#newer.size >= GENERATION_KEYS) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(id, known);
  }
}
