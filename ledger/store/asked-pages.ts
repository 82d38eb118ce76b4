import type { Filter } from '../../proto/gen/meridian/v1/query.ts';
import { INT64_MAX } from '../core/limits.ts';

/** What a store is asked for, where that is more than ids. */

/** Which legs of groups are read with the groups themselves. */
export interface LegsWanted {
  /** More legs than this, of all groups together, are refused. */
  readonly legsMax: number;
  /** More bytes of metadata than this, of transfers or of legs, are refused; undefined: any. */
  readonly bytesMax?: number;
  /** False: those of this group are left out, and it looks as though it had none. */
  readonly wants: (id: string, legs: number) => boolean;
}

/** The groups that were asked for have more legs together than may be read at once. */
export class TooManyLegs extends Error {
  override readonly name = 'TooManyLegs';
}

/** The transfers asked for take more bytes than may be read at once. */
export class TooManyBytes extends Error {
  override readonly name = 'TooManyBytes';
}

export interface EntryPage {
  readonly account: bigint;
  /** Entries after the first of these versions, through the second. */
  readonly after: bigint;
  readonly through: bigint;
  /** True: only entries that moved money. */
  readonly movingOnly: boolean;
  readonly newestFirst: boolean;
  readonly limit: number;
}

export interface EventPage {
  /** Null: every row of the journal. Else: the versions of this account. */
  readonly account: bigint | null;
  /** Rows after this seq of the book, or this version of the account. */
  readonly after: number;
  /** A seq of the book that all of these rows come after; undefined: none is known. */
  readonly behind?: number | undefined;
  /** Rows up to this seq; what is beyond it may be visible before it is acknowledged. */
  readonly through: number;
  readonly limit: number;
}

/** Places in the journal: after the first, through the second. */
export interface SeqRange {
  readonly after: bigint;
  readonly through: bigint;
}

export const EVERYWHERE: SeqRange = { after: 0n, through: INT64_MAX };

export interface TransferSearch {
  /** Transfers that this account paid or received; null: all of the book. */
  readonly account: bigint | null;
  readonly filter: Filter | undefined;
  /** Numbers of all books there are. */
  readonly books: readonly number[];
  /** Only what lies here. */
  readonly within: SeqRange;
  readonly newestFirst: boolean;
  readonly limit: number;
}

/** What an account is asked as of: microseconds since 1970, a place in the journal, a version. */
export type AsOf = 'micros' | 'seq' | 'version';
