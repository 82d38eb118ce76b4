import type { JournalRow } from '../core/journal-row.ts';

/** The invariants that an audit can refute, by their numbers in docs/invariants.md. */
export const INVARIANTS = {
  I1: 'each book sums to zero',
  I2: 'what is in flight is the difference of two transit accounts',
  I3: 'every channel number is applied or refused exactly once',
  I5: 'nothing happens that was not asked for',
  I6: 'one outcome per key, one scale per asset',
  I7: 'versions have no gaps, balances are the sum of entries',
  I9: 'limits hold at every version, settings follow from their changes',
  I10: 'no more is drawn than is left, a hold never expires early',
  I11: 'the journal has no gaps and its chain verifies',
  I17: 'groups are applied all or none',
  I18: 'rows cannot be changed',
  I27: 'an external id is open in one book of a region at most',
} as const;
export type Invariant = keyof typeof INVARIANTS;

export interface Violation {
  readonly invariant: Invariant;
  /** Name of the book, or two of them for a channel. */
  readonly place: string;
  /** Where in the journal, if it is one row's; 0 otherwise. */
  readonly seq: number;
  readonly text: string;
}

/** Notes what a row of the book that is being read violates. */
export type Find = (invariant: Invariant, row: JournalRow, text: string) => void;

/** How many violations of one invariant in one place are kept to be shown. All are counted. */
const KEPT_MAX = 5;

/** Collects violations without letting a ruined book fill memory. */
export class Findings {
  readonly kept: Violation[] = [];
  readonly #counts = new Map<string, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(invariant: Invariant, place: string, seq: number, text: string): void {
    const name = `${invariant} ${place}`;
    const before = this.#counts.get(name) ?? 0;
    this.#counts.set(name, before + 1);
    this.#total += 1;
    if (before < KEPT_MAX) this.kept.push({ invariant, place, seq, text });
  }

  /** Violations of an invariant in a place. */
  count(invariant: Invariant, place: string): number {
    return this.#counts.get(`${invariant} ${place}`) ?? 0;
  }
}
