import type { Original } from '../core/original.ts';

/**
 * The originals that were made or drawn on last, bounded: most holds are captured soon after
 * they were made. What is not here is loaded.
 */
export class OriginalCache {
  readonly #capacity: number;
  /** In the order in which they were set. */
  readonly #originals = new Map<string, Original>();

  constructor(capacity = 50_000) {
    this.#capacity = capacity;
  }

  get(id: string): Original | undefined {
    return this.#originals.get(id);
  }

  set(original: Original): void {
    this.#originals.delete(original.id);
    this.#originals.set(original.id, original);
    if (this.#originals.size <= this.#capacity) return;
    for (const oldest of this.#originals.keys()) {
      this.#originals.delete(oldest);
      return;
    }
  }
}
