import type { Channel } from '../core/channel.ts';
import type { JournalRow } from '../core/journal-row.ts';
import type { RegionBooks } from '../core/placement.ts';
import type { PlainRows, RowBytes } from '../core/row-bytes.ts';
import type { OpenedAccount, RegisteredAsset } from '../core/post/book-state.ts';
import type { SweepCursor } from '../core/post/command.ts';

/** The head row: what fences the leader and where the journal ends. */
export interface Head {
  /** UUID of this database of the book. */
  readonly instance: string;
  readonly epoch: number;
  /** Address of the ledger server that took the book over last; '' if none ever did. */
  readonly leader: string;
  readonly seq: number;
  readonly chain: Buffer;
  readonly atMicros: number;
  readonly accounts: number;
  /** Through where holds have been looked at for their expiry. */
  readonly swept: SweepCursor;
  /** True: no server may take the book over. */
  readonly fenced: boolean;
  /** The longest list of the books of its region that it was sent. Empty: none. */
  readonly regionBooks: RegionBooks;
}

/** The head that a batch requires to be appended, and the head after it. */
export interface HeadMove {
  /** The leader's epoch; at a take-over the one before. */
  readonly epochBefore: number;
  readonly epochAfter: number;
  /** Set at a take-over: address of the new leader. No fenced book is taken over. */
  readonly leader?: string;
  /** Set at a take-over: a leader may have kept a longer list without a row, and it must stay. */
  readonly regionBooksBefore?: RegionBooks;
  readonly seqBefore: number;
  readonly seqAfter: number;
  readonly chainAfter: Uint8Array;
  /** At a take-over the head must be older: its leader may have committed a later time without a row. */
  readonly atMicros: number;
  /** Accounts opened so far, after the batch. */
  readonly accountsAfter: number;
}

export interface Append {
  readonly head: HeadMove;
  /** The first rows of the batch, if the plain lane has written any. */
  readonly plain?: PlainRows | null;
  /** The rows after them. */
  readonly rows: readonly JournalRow[];
  /** Canonical bytes of `rows` where the chain was hashed over them; absent: made of the rows. */
  readonly rowBytes?: RowBytes | undefined;
  readonly opened: readonly OpenedAccount[];
  readonly channels: readonly Channel[];
  readonly registered: readonly RegisteredAsset[];
  /** Through where holds have been looked at for their expiry; null: as before. */
  readonly swept: SweepCursor | null;
  /** The books of the region, if the book was sent more of them than before; null: as before. */
  readonly regionBooks: RegionBooks | null;
}
