import type { Operations } from '../history/operation.ts';
import { atOrBefore } from './sorted.ts';

interface Place {
  readonly ns: number;
  readonly seq: number;
}

/** How far each book was known to have come at a time, from the answers to writes. */
export class KnownPlaces {
  /** By book; both numbers rise. */
  readonly #places = new Map<number, Place[]>();

  constructor({ transfers, changes, opens }: Operations) {
    const answered = [...transfers, ...changes, ...opens].filter(({ reply }) => reply !== null);
    for (const { reply, completedNs } of answered.toSorted(
      (a, b) => a.completedNs - b.completedNs,
    )) {
      if (reply === null) continue;
      const { book, seq } = reply.position;
      const places = this.#places.get(book) ?? [];
      this.#places.set(book, places);
      if (seq > (places.at(-1)?.seq ?? 0)) places.push({ ns: completedNs, seq });
    }
  }

  /** The newest seq of which an answer had been heard before; 0: none. */
  before(book: number, ns: number): number {
    const places = this.#places.get(book) ?? [];
    return places[atOrBefore(places, ns - 1, (place) => place.ns)]?.seq ?? 0;
  }
}
