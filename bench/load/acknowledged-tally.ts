import type { StatusCounts } from './answer-scan.ts';
import { type Effects, noEffects, repeated, sumOf } from './effects.ts';
import type { Acknowledged } from './job.ts';

/** Adds up what was acknowledged to the payers of one region. */
export class AcknowledgedTally {
  readonly #counts: Acknowledged & StatusCounts;
  /** How often each was added: they are few, and a sum of seven totals for each call is dear. */
  readonly #effects = new Map<Effects, number>();
  #requests = 0;

  /** @param from name of the payers' region */
  constructor(from: string) {
    this.#counts = { ...nothingAcknowledged(from) };
  }

  /**
   * @param requests that were sent and answered
   * @param effects of these requests; the same object for the same call
   */
  add(requests: number, counts: StatusCounts, effects: Effects): void {
    this.#requests += requests;
    this.#counts.posted += counts.posted;
    this.#counts.inTransit += counts.inTransit;
    this.#counts.held += counts.held;
    this.#counts.released += counts.released;
    this.#counts.refused += counts.refused;
    this.#effects.set(effects, (this.#effects.get(effects) ?? 0) + 1);
  }

  get acknowledged(): Acknowledged {
    const effects = [...this.#effects].map(([each, times]) => repeated(each, times));
    return { ...this.#counts, requests: this.#requests, effects: sumOf(effects) };
  }
}

/** All of one route together. @param from name of the payers' region */
export function acknowledgedOf(from: string, parts: readonly Acknowledged[]): Acknowledged {
  const sum = (of: (part: Acknowledged) => number) =>
    parts.reduce((total, part) => total + of(part), 0);
  return {
    from,
    requests: sum(({ requests }) => requests),
    posted: sum(({ posted }) => posted),
    inTransit: sum(({ inTransit }) => inTransit),
    held: sum(({ held }) => held),
    released: sum(({ released }) => released),
    refused: sum(({ refused }) => refused),
    effects: sumOf(parts.map(({ effects }) => effects)),
  };
}

/** @param from name of the payers' region */
export function nothingAcknowledged(from: string): Acknowledged {
  return {
    from,
    requests: 0,
    posted: 0,
    inTransit: 0,
    held: 0,
    released: 0,
    refused: 0,
    effects: noEffects,
  };
}
