import type { Position } from '../history/operation.ts';
import { atOrBefore } from './sorted.ts';

/** A write, as far as it shows the position of its book. */
interface Write {
  readonly value: { readonly dryRun: boolean };
  readonly reply: { readonly position: Position } | null;
  readonly completedNs: number;
}

interface Known {
  readonly ns: number;
  readonly seq: number;
}

/** The position that each book had reached, as far as the answers to some writes show. */
export class KnownSeqs {
  /** By book, in order of time, with growing seqs. */
  readonly #known = new Map<number, Known[]>();

  constructor(writes: readonly Write[]) {
    const inOrder = writes.toSorted((a, b) => a.completedNs - b.completedNs);
    for (const { value, reply, completedNs: ns } of inOrder) {
      if (reply === null || value.dryRun) continue;
      const { book, seq } = reply.position;
      const known = this.#known.get(book) ?? [];
      this.#known.set(book, known);
      if (seq > (known.at(-1)?.seq ?? 0)) known.push({ ns, seq });
    }
  }

  /** The newest seq of a book that any client knew of before then; 0: none. */
  before(book: number, ns: number): number {
    const known = this.#known.get(book) ?? [];
    return known[atOrBefore(known, ns - 1, (one) => one.ns)]?.seq ?? 0;
  }
}
