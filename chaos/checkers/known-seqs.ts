import type { Position } from '../history/operation.ts';
import type { Evidence } from './evidence.ts';
import { atOrBefore } from './sorted.ts';

interface Known {
  readonly ns: number;
  readonly seq: number;
}

/** How far each book had come, as far as answers to transfers and changes told. */
export class KnownSeqs {
  /** By book, each list in the order of time, in which the seqs grow. */
  readonly #known = new Map<number, Known[]>();

  constructor({ operations }: Evidence) {
    const told: { readonly position: Position; readonly ns: number }[] = [];
    for (const { value, reply, completedNs } of [...operations.transfers, ...operations.changes]) {
      if (reply === null || value.dryRun) continue;
      told.push({ position: reply.position, ns: completedNs });
    }
    told.sort((a, b) => a.ns - b.ns);
    for (const { position, ns } of told) {
      const known = this.#known.get(position.book) ?? [];
      this.#known.set(position.book, known);
      if (position.seq > (known.at(-1)?.seq ?? 0)) known.push({ ns, seq: position.seq });
    }
  }

  /** The newest seq of a book that somebody had been told of before then; 0: none. */
  before(book: number, ns: number): number {
    const known = this.#known.get(book) ?? [];
    return known[atOrBefore(known, ns - 1, (one) => one.ns)]?.seq ?? 0;
  }
}
