import type { StatusCounts } from './answer-scan.ts';
import type { Acknowledged } from './job.ts';

/** Adds up what was acknowledged to the payers of one region. */
export class Tally {
  readonly #from: string;
  readonly #counts: StatusCounts = { posted: 0, inTransit: 0, refused: 0 };
  #amount = 0n;

  /** @param from name of the payers' region */
  constructor(from: string) {
    this.#from = from;
  }

  /** @param amount of all transfers that were answered, in minor units */
  add(counts: StatusCounts, amount: bigint): void {
    this.#counts.posted += counts.posted;
    this.#counts.inTransit += counts.inTransit;
    this.#counts.refused += counts.refused;
    this.#amount += amount;
  }

  get acknowledged(): Acknowledged {
    return { from: this.#from, ...this.#counts, amount: this.#amount };
  }
}
