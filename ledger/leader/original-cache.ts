import type { Original } from '../core/original.ts';

/**
 * The originals that were made or drawn on last, bounded: most holds are captured soon after
 * they were made. What is not here is loaded. There are two generations, and the older one is
 * dropped when the newer is full: to keep all in one order would cost more than to load some.
 */
export class OriginalCache {
  readonly #generation: number;
  #newer = new Map<string, Original>();
  #older = new Map<string, Original>();

  /** @param generation originals of one generation */
  constructor(generation = 25_000) {
    this.#generation = generation;
  }

  get(id: string): Original | undefined {
    return this.#newer.get(id) ?? this.#older.get(id);
  }

  set(original: Original): void {
    if (this.#newer.size >= this.#generation) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(original.id, original);
  }
}
