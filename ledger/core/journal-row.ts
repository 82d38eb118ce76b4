import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import type { AccountSettings } from './account.ts';

/** What a row of the journal records. The numbers are stored; EventKind of the API has the same. */
export const RowKind = {
  transfer: 1,
  settlement: 2,
  return: 3,
  account: 4,
  takeOver: 5,
  hold: 6,
  capture: 7,
  release: 8,
  expiry: 9,
  reversal: 10,
  group: 11,
  change: 12,
  asset: 13,
  /** A first leg that this book had lost, booked again as its peer knows it. */
  recovered: 14,
  /** An operator has repaired a channel. */
  repair: 15,
  rest: 16,
} as const;
export type RowKind = (typeof RowKind)[keyof typeof RowKind];

/** Kinds of the rows by which a book decides what is asked as a transfer, a leg included. */
export const TRANSFER_KINDS: readonly RowKind[] = [
  RowKind.transfer,
  RowKind.hold,
  RowKind.capture,
  RowKind.release,
  RowKind.reversal,
  RowKind.group,
  RowKind.recovered,
];

/**
 * The versions that a row gives its accounts: number and totals of both after it. A side that
 * it does not change is null: the payee of a hold who lives in another book, the debit side of
 * a change of settings.
 */
export interface Entries {
  readonly debitVersion: number | null;
  readonly creditVersion: number | null;
  readonly debitDebits: bigint | null;
  readonly debitCredits: bigint | null;
  readonly creditDebits: bigint | null;
  readonly creditCredits: bigint | null;
  /** Null: nothing is held of or for either account. */
  readonly held: Held | null;
}

/** What is held of and for both accounts after a row; zero for a side that it does not change. */
export interface Held {
  readonly debitHeldDebits: bigint;
  readonly debitHeldCredits: bigint;
  readonly creditHeldDebits: bigint;
  readonly creditHeldCredits: bigint;
}

/** Of a transfer across books: its place in the channel, and the account over there. */
export interface Peer {
  readonly book: number;
  readonly account: bigint;
  /** Null where nothing travels: on a return, which closes a number, and on holds. */
  readonly number: number | null;
}

/**
 * One row of the journal: all that happened to a book is the sequence of these. Optional text
 * is '' where absent; columns are documented in migrations/.
 */
export interface JournalRow {
  readonly seq: number;
  readonly epoch: number;
  /** UUID. */
  readonly id: string;
  readonly kind: RowKind;
  /** UNSPECIFIED (0): applied. On a return, which is applied too: why the money came back. */
  readonly reason: Reason;
  /** Null on rows that concern no account on that side. */
  readonly debitAccount: bigint | null;
  readonly creditAccount: bigint | null;
  /** Moved, held or freed; when rejected: asked. Null: none, or left open by what was asked. */
  readonly amount: bigint | null;
  /** Null: no account was changed. */
  readonly entries: Entries | null;
  readonly peer: Peer | null;
  /** The transfer that a settlement or return belongs to; of a rest: the final capture. */
  readonly originId: string | null;
  readonly namespace: string;
  readonly key: string;
  readonly asset: string;
  readonly code: number;
  readonly reference: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Microseconds since 1970. The same for all rows of a batch. */
  readonly atMicros: number;
  /** What plain transfers do not have. */
  readonly details: RowDetails | null;
}

/** What only some rows have. */
export interface RowDetails {
  /**
   * What the row draws on: the hold of a capture, release, expiry or rest, the transfer of a
   * reversal, and what is left of it after this row. A return of a reversal gives back, and a
   * return of a capture to the hold that it came from; one that finds the time of its hold up
   * states that nothing is left, and one that does not change its hold names none. `left` is null
   * where this book does not keep it: on the settlement of a reversal.
   */
  readonly drawn: { readonly id: string; readonly left: bigint | null } | null;
  /** Of a leg: id of its group. */
  readonly groupId: string | null;
  /** Of a hold that expires. */
  readonly expiresAtMicros: number | null;
  /**
   * The part of the request that has no column of its own (options.ts); '' if none. Of a
   * settlement: what its leg captured in the book that it left.
   */
  readonly options: string;
  /** Who made a change or registered an asset; why stands in `reference`. */
  readonly by: string;
  /** Of a change that was applied: the settings after it. */
  readonly settings: AccountSettings | null;
}

/** Details of a row that has none, to be spread. */
export const NO_DETAILS: RowDetails = {
  drawn: null,
  groupId: null,
  expiresAtMicros: null,
  options: '',
  by: '',
  settings: null,
};
