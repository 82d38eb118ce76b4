import type { KnownKey } from './known-key.ts';
import { ledgerTuning } from '../ledger-tuning.ts';

/** The keys decided last, in memory, bounded: two generations, the older dropped when full. */
export class RecentKeys {
  #newer = new Map<string, KnownKey>();
  #older = new Map<string, KnownKey>();

  readonly #generation: number;

  /** @param generation keys of one generation */
  constructor(generation = ledgerTuning.recentKeys) {
    this.#generation = generation;
  }

  get(id: string): KnownKey | undefined {
    return this.#newer.get(id) ?? this.#older.get(id);
  }

  set(id: string, known: KnownKey): void {
    if (this.#newer.size >= this.#generation) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(id, known);
  }
}
