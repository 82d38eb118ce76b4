import type { Reason } from '../../proto/gen/meridian/v1/ledger.ts';

/** What a row of the journal records. The numbers are stored. */
export const RowKind = {
  transfer: 1,
  settlement: 2,
  return: 3,
  account: 4,
  takeOver: 5,
} as const;
export type RowKind = (typeof RowKind)[keyof typeof RowKind];

/** The entries of a posted row: number and totals of both accounts after it. */
export interface Entries {
  readonly debitVersion: number;
  readonly creditVersion: number;
  readonly debitDebits: bigint;
  readonly debitCredits: bigint;
  readonly creditDebits: bigint;
  readonly creditCredits: bigint;
}

/** Of a transfer across books: its place in the channel, and the account over there. */
export interface Peer {
  readonly book: number;
  readonly account: bigint;
  /** Null on a return, which closes a number rather than having one. */
  readonly number: number | null;
}

/**
 * One row of the journal: all that happened to a book is the sequence of these. Optional text
 * is '' where absent; columns are documented in migrations/0001_journal.sql.
 */
export interface JournalRow {
  readonly seq: number;
  readonly epoch: number;
  /** UUID. */
  readonly id: string;
  readonly kind: RowKind;
  /** UNSPECIFIED (0): posted. On a return, which is posted too: why the money came back. */
  readonly reason: Reason;
  /** Null on rows that move no money. */
  readonly debitAccount: bigint | null;
  readonly creditAccount: bigint | null;
  readonly amount: bigint | null;
  /** Null: no entry was made. */
  readonly entries: Entries | null;
  readonly peer: Peer | null;
  /** The transfer that a settlement or return belongs to. */
  readonly originId: string | null;
  readonly namespace: string;
  readonly key: string;
  readonly asset: string;
  readonly code: number;
  readonly reference: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Microseconds since 1970. The same for all rows of a batch. */
  readonly atMicros: number;
}
