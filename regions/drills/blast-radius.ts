import type { NamedBook } from '../operator/book-copies.ts';
import { isWithinBook, type RecordedCall } from './load/call-log.ts';

/** A book outside the blast radius that has had no payment for this long is harmed. */
export const HARMED_AFTER_MS = 20_000;

/** Watches that a drill breaks no more than intended. */
export class BlastRadius {
  readonly #names: ReadonlyMap<number, string>;
  /** By number of the book. */
  readonly #lastMs: Map<number, number>;

  /** `healthy`: the books that must not be touched. */
  constructor(healthy: readonly NamedBook[], nowMs: number) {
    this.#names = new Map(healthy.map(({ number, name }) => [number, name]));
    this.#lastMs = new Map(healthy.map(({ number }) => [number, nowMs]));
  }

  called(call: RecordedCall): void {
    const { acknowledged, home, via, book, endedAtMs } = call;
    if (acknowledged === undefined || via !== home || !isWithinBook(call)) return;
    if (this.#lastMs.has(book)) this.#lastMs.set(book, endedAtMs);
  }

  /** Names of the books that have had no payment from their own region for too long. */
  harmed(nowMs: number): string[] {
    return [...this.#lastMs]
      .filter(([, lastMs]) => nowMs - lastMs > HARMED_AFTER_MS)
      .map(([book]) => this.#names.get(book) ?? String(book));
  }
}
