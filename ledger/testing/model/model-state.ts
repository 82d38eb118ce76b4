import type { ChangeAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import type { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';

/** The state of a book in the model: lists that only grow, from which all else is folded. */
export interface ModelBook {
  readonly number: number;
  readonly name: string;
  /** Numbers of all books there are. */
  readonly books: readonly number[];
  /** Its clock, in microseconds since 1970. */
  now: number;
  /** Number of journal rows so far. */
  rows: number;
  readonly accounts: ModelAccount[];
  readonly versions: ModelVersion[];
  /** Every transfer that it decided as the payer's book: groups and their legs too. */
  readonly transfers: ModelTransfer[];
  /** Every leg that came from another book. */
  readonly received: ModelReceived[];
  readonly changes: ModelChange[];
  /** Ids of the holds that have expired. */
  readonly expired: string[];
  readonly assets: ModelAsset[];
  /** Books of its region, as far as it was ever sent them. */
  readonly region: number[];
}

/** An account as it was opened; what became of its settings stands in `changes`. */
export interface ModelAccount extends ModelSettings {
  readonly id: bigint;
  readonly externalId: string;
  readonly asset: string;
  readonly transit: boolean;
  /** Row that opened it. */
  readonly seq: number;
}

export interface ModelSettings {
  /** Null: no limit. */
  readonly min: bigint | null;
  readonly max: bigint | null;
  readonly frozenIn: boolean;
  readonly frozenOut: boolean;
  readonly closed: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

/** What one row did to one account. Sums of these are its totals, their number its version. */
export interface ModelVersion extends ModelTotals {
  readonly account: bigint;
}

export interface ModelTotals {
  readonly debits: bigint;
  readonly credits: bigint;
  readonly heldDebits: bigint;
  readonly heldCredits: bigint;
}

/** What a transfer or a leg of a group asks for. */
export type ModelRequest = Omit<
  CreateTransferRequest,
  'idempotencyKey' | 'namespace' | 'wait' | 'dryRun'
> & { readonly rest?: boolean };

export interface ModelTransfer {
  readonly id: string;
  readonly request: ModelRequest;
  readonly reason: Reason;
  /** Row that decided it. */
  readonly seq: number;
  /** Moved, held or freed; zero when rejected, and of a group. */
  readonly amount: bigint;
  /** Those of the hold if it is a capture or release. */
  readonly payer: bigint;
  readonly payee: bigint;
  /** Of a hold that expires. */
  readonly expiresAt: number | null;
  /** Null: not across books, or rejected. */
  readonly travel: ModelTravel | null;
  /** Of a group. */
  readonly legs: readonly ModelTransfer[];
}

/** The part of a transfer that travels to the payee's book. */
export interface ModelTravel {
  readonly to: number;
  /** From 1, without gaps, for each pair of books. */
  readonly number: number;
  readonly asset: string;
  /** What the payee's book answered; undefined: it has not been asked yet. UNSPECIFIED: applied. */
  verdict: Reason | undefined;
  /** True: the payer's book has taken note of the verdict. */
  closed: boolean;
  /** Of a capture that came back: its hold has the amount again. */
  gaveBack: boolean;
}

export type Travelling = ModelTransfer & { readonly travel: ModelTravel };

/** A leg as the payee's book has it. */
export interface ModelReceived {
  readonly from: number;
  readonly transfer: ModelTransfer;
  readonly reason: Reason;
}

export interface ModelChange {
  readonly id: string;
  readonly request: ChangeAccountRequest;
  readonly reason: Reason;
  /** Row that decided it. */
  readonly seq: number;
}

export interface ModelAsset {
  readonly asset: string;
  readonly scale: number;
}

/** Number of the book that an account id points to. */
export const bookNumberOf = (id: bigint) => Number(id / 2n ** 48n);

export const isTravelling = (transfer: ModelTransfer): transfer is Travelling =>
  transfer.travel !== null;

/** An account that a caller may name. */
export function usable(book: ModelBook, id: bigint): ModelAccount | undefined {
  return book.accounts.find((account) => account.id === id && !account.transit);
}
