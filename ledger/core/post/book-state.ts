import type { Account } from '../account.ts';
import type { Channel } from '../channel.ts';
import type * as command from './command.ts';
import type { JournalRow } from '../journal-row.ts';
import type { TouchedAccounts } from './touched-accounts.ts';
import type { Original } from '../original.ts';
import type { RegionBooks } from '../placement.ts';

/** An account that a batch opens, with what is stored of it besides its limits. */
export interface OpenedAccount {
  readonly account: Account;
  readonly externalId: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly seq: number;
}

/** An asset that a batch registers. */
export interface RegisteredAsset {
  readonly asset: string;
  readonly scale: number;
  readonly seq: number;
}

/** The state of a book before a batch. Reading it has no side effect. */
export interface BookState {
  readonly book: number;
  readonly epoch: number;
  readonly seq: number;
  /** Accounts opened so far. */
  readonly accounts: number;
  /** Names of all books, this one included. */
  readonly bookNames: ReadonlyMap<number, string>;
  /** The longest list of the books of its region that it was sent. Empty: none. */
  readonly regionBooks: RegionBooks;
  /** True: a batch that is not committed yet opens an account of this external id. */
  isBeingOpened(externalId: string): boolean;
  /** A copy, which a batch may change. Undefined: there is no such account. */
  account(id: bigint): Account | undefined;
  /** Id of an account by its external id; only asked for transit accounts. */
  transitAccountId(externalId: string): bigint | undefined;
  channel(peerBook: number): Channel | undefined;
  /** By the id of its row; undefined: the journal has no such row of a transfer or settlement. */
  original(id: string): Original | undefined;
  /** Scale of an asset that was registered; undefined: it never was. */
  scaleOf(asset: string): number | undefined;
}

/** All that a batch changes. Nothing has happened until the rows are committed. */
export interface BatchEffects {
  /** One for each command, in the same order. */
  readonly outcomes: readonly command.Outcome[];
  /** In order of seq, without gaps from the state's seq + 1. */
  readonly rows: readonly JournalRow[];
  /** Accounts opened by this batch, in the order of their numbers. */
  readonly opened: readonly OpenedAccount[];
  /** Every account that was looked at, as it is after the batch. */
  readonly accounts: Pick<TouchedAccounts, 'get' | 'has' | 'values'>;
  /** Every channel that was looked at, as it is after the batch. */
  readonly channels: ReadonlyMap<number, Channel>;
  /** Every hold that was made and every original that was drawn on, as it is after the batch. */
  readonly originals: ReadonlyMap<string, Original>;
  readonly registered: readonly RegisteredAsset[];
  /** Through where holds have been looked at for their expiry; null: not in this batch. */
  readonly swept: command.SweepCursor | null;
  /** A longer list of the books of the region than before; null: not in this batch. */
  readonly regionBooks: RegionBooks | null;
}
