import * as fc from 'fast-check';
import type {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import type { RegisterAssetRequest } from '../../../proto/gen/meridian/v1/asset.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { firstOpenings, plans } from './history-plan.ts';
import { PlannedRequests } from './planned-requests.ts';

/**
 * A random history: what is asked of some books, and how it is cut into batches. All requests
 * are well-formed messages of the public API, so that they can be sent to whatever answers them.
 */
export interface History {
  readonly books: number;
  readonly steps: readonly Step[];
}

/** A step; with `cut`, every book then posts what waits. */
export type Step = { readonly cut: boolean } & (RequestStep | DeliverStep | TimeStep);

/** What a caller asks. */
export type RequestStep =
  | { readonly kind: 'open'; readonly book: number; readonly request: OpenAccountRequest }
  | { readonly kind: 'transfer'; readonly request: CreateTransferRequest }
  | { readonly kind: 'change'; readonly request: ChangeAccountRequest }
  // Of every book, one after the other.
  | { readonly kind: 'asset'; readonly request: RegisterAssetRequest };

/** What happens to a book by itself. */
export type TimeStep =
  // Its clock moves on.
  | { readonly kind: 'pass'; readonly book: number; readonly micros: number }
  // It looks for holds whose time is up.
  | { readonly kind: 'sweep'; readonly book: number }
  // Its leader is followed by another, who remembers nothing.
  | { readonly kind: 'forget'; readonly book: number };

/** Legs of one book to another, as the sender delivers them. */
export interface DeliverStep {
  readonly kind: 'deliver';
  readonly from: number;
  readonly to: number;
  /** Legs at most. */
  readonly count: number;
  /** In how many calls, all of them in one batch of the receiver. */
  readonly calls: number;
  /** True: each call arrives twice. */
  readonly twice: boolean;
  /** True: the first leg is left out, so the rest must be refused as a whole. */
  readonly gap: boolean;
  /** True: the sender never hears the answer, so the legs will be sent again. */
  readonly answerLost: boolean;
  /** True: the answer is heard twice. */
  readonly closeTwice: boolean;
}

/** Histories that begin with some accounts a book, as nothing interesting happens without. */
export function histories(): fc.Arbitrary<History> {
  return fc.integer({ min: 1, max: 3 }).chain((books) => {
    const first = firstOpenings(books);
    const rest = fc.array(withCut(plans(books)), { maxLength: 40, size: 'max' });
    return fc.tuple(fc.tuple(...first.map(withCut)), rest).map(([openings, planned]) => {
      const requests = new PlannedRequests(books);
      const steps = planned.map(({ cut, ...plan }): Step => ({ ...requests.step(plan), cut }));
      return { books, steps: [...openings, ...steps] };
    });
  });
}

function withCut<T extends object>(step: fc.Arbitrary<T>): fc.Arbitrary<T & { cut: boolean }> {
  return fc
    .tuple(step, fc.integer({ min: 0, max: 3 }))
    .map(([value, cut]) => ({ ...value, cut: cut === 3 }));
}
