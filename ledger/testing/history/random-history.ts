import * as fc from 'fast-check';
import { firstOpenings, plans } from './history-plan.ts';
import { PlannedRequests } from './planned-requests.ts';
import type { DeliverStep, RequestStep, TimeStep } from './steps.ts';

/**
 * A random history: what is asked of some books, and how it is cut into batches. All requests
 * are well-formed messages of the public API, so that they can be sent to whatever answers them.
 */
export interface RandomHistory {
  readonly books: number;
  readonly steps: readonly HistoryStep[];
}

/** A step; with `cut`, every book then posts what waits. */
export type HistoryStep = { readonly cut: boolean } & (RequestStep | DeliverStep | TimeStep);

/** Histories that begin with some accounts a book, as nothing interesting happens without. */
export function histories(): fc.Arbitrary<RandomHistory> {
  return fc.integer({ min: 1, max: 3 }).chain((books) => {
    const first = firstOpenings(books);
    const rest = fc.array(withCut(plans(books)), { maxLength: 40, size: 'max' });
    return fc.tuple(fc.tuple(...first.map(withCut)), rest).map(([openings, planned]) => {
      const requests = new PlannedRequests(books);
      const steps = planned.map(({ cut, ...plan }): HistoryStep => ({
        ...requests.step(plan),
        cut,
      }));
      return { books, steps: [...openings, ...steps] };
    });
  });
}

function withCut<T extends object>(step: fc.Arbitrary<T>): fc.Arbitrary<T & { cut: boolean }> {
  return fc
    .tuple(step, fc.integer({ min: 0, max: 3 }))
    .map(([value, cut]) => ({ ...value, cut: cut === 3 }));
}
