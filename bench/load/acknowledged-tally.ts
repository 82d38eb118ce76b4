import type { StatusCounts } from './answer-scan.ts';
import { type Effects, noEffects, sumOf } from './effects.ts';
import type { Acknowledged } from './job.ts';

/** Adds up what was acknowledged to the payers of one region. */
export class AcknowledgedTally {
  #acknowledged: Acknowledged;

  /** @param from name of the payers' region */
  constructor(from: string) {
    this.#acknowledged = nothingAcknowledged(from);
  }

  /**
   * @param requests that were sent and answered
   * @param effects of these requests
   */
  add(requests: number, counts: StatusCounts, effects: Effects): void {
    const before = this.#acknowledged;
    this.#acknowledged = {
      from: before.from,
      requests: before.requests + requests,
      posted: before.posted + counts.posted,
      inTransit: before.inTransit + counts.inTransit,
      held: before.held + counts.held,
      released: before.released + counts.released,
      refused: before.refused + counts.refused,
      effects: sumOf([before.effects, effects]),
    };
  }

  get acknowledged(): Acknowledged {
    return this.#acknowledged;
  }
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
