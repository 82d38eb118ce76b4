import type { Timestamp } from '../../proto/gen/google/protobuf/timestamp.ts';
import type { SettleLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { Account } from '../../proto/gen/meridian/v1/account.ts';
import type { AccountState } from '../../proto/gen/meridian/v1/event.ts';
import type { Position } from '../../proto/gen/meridian/v1/position.ts';
import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import type { Transfer } from '../../proto/gen/meridian/v1/transfer.ts';
import type { RowKind } from '../core/journal-row.ts';
import type { CaptureOf, SeenHead, SweepCursor } from '../core/post/command.ts';
import type { ChangeFields, OpenedAs, TransferFields } from '../core/validate/same-request.ts';

/** What a store reads of a book. */

/** The role of one Postgres now, and how commits through this connection are made. */
export interface NodeRole {
  /** True: it follows a primary and takes no writes. */
  readonly standby: boolean;
  /** Why it would acknowledge commits that no second node has; undefined if it would not. */
  readonly alone: string | undefined;
}

/** Where the journal of a copy ends. */
export interface CopyPosition extends Position {
  /** Address of the server that took the book over last, as far as this copy knows. */
  readonly leader: string;
  /** True: the copy follows a primary. */
  readonly standby: boolean;
}

/** The result of a read, and where the journal ended in its snapshot. */
export interface Seen<T> {
  readonly found: T;
  /** Undefined if the book was never led. */
  readonly end: CopyPosition | undefined;
}

/** A transfer as the journal has it: of any kind that a request can ask for, or received. */
export interface StoredTransfer {
  /** As a look-up answers it. Of a group: with its legs. */
  readonly transfer: Transfer;
  /**
   * Exactly what was asked, for comparison with another request of the same key. Of a group:
   * with its legs.
   */
  readonly request: TransferFields;
  readonly kind: RowKind;
  /** True: an operator has booked it again as its leg is known elsewhere. */
  readonly recovered: boolean;
  /** Where its second leg went; null within one book, of a hold, or when rejected. */
  readonly channel: { readonly peerBook: number; readonly number: number } | null;
  /** Of a group: its legs, in order. Otherwise null. */
  readonly legs: readonly StoredTransfer[] | null;
}

/** A change of an account as the journal has it. */
export interface StoredChange {
  /** Exactly what was asked. */
  readonly request: ChangeFields;
  /** UNSPECIFIED: it was applied. */
  readonly reason: Reason;
  readonly position: Position;
  readonly decidedAt: Timestamp;
}

/** An account as it was opened, and the row that records it. */
export interface StoredOpening {
  readonly account: Account;
  readonly openedAs: OpenedAs;
  readonly epoch: bigint;
  readonly seq: bigint;
}

/** A leg that left this book, as its peer has it or will have it. */
export interface NumberedLeg {
  readonly number: number;
  readonly leg: SettleLeg;
  /** Of a reversal that drew on a row of this book: the id of that row. */
  readonly drawn: string | null;
  readonly kind: RowKind;
  /** When its row was decided. */
  readonly atMicros: number;
  /** Null: it is no capture. */
  readonly capture: CaptureOf | null;
}

/** Holds whose time is up, ended or not. */
export interface DueHolds {
  readonly ids: readonly string[];
  /** The place of the last of them. */
  readonly cursor: SweepCursor;
  /** Of the moment of the read. */
  readonly seen: SeenHead;
}

/** Totals of an account after one of its versions, and the row that made it. */
export interface StateAt {
  readonly state: AccountState;
  /** Zero: it had no version yet. */
  readonly seq: bigint;
}
