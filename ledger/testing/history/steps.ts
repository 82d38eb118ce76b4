import type {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import type { RegisterAssetRequest } from '../../../proto/gen/meridian/v1/asset.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';

/** A request of a caller. */
export type RequestStep =
  | {
      readonly kind: 'open';
      readonly book: number;
      readonly request: OpenAccountRequest;
      /** Books of its region that the router knows; undefined: no others. */
      readonly regionBooks?: readonly number[];
    }
  | { readonly kind: 'transfer'; readonly request: CreateTransferRequest }
  | { readonly kind: 'change'; readonly request: ChangeAccountRequest }
  // Of every book, one after the other.
  | { readonly kind: 'asset'; readonly request: RegisterAssetRequest };

/** An event in a book without a request. */
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
  /** True: the sender never gets the answer, so the legs will be sent again. */
  readonly answerLost: boolean;
  /** True: the answer is received twice. */
  readonly closeTwice: boolean;
}
