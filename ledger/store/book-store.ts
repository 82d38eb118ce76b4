import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import type { NumberedLeg as ListedLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { Account as AccountView } from '../../proto/gen/meridian/v1/account.ts';
import type { Event } from '../../proto/gen/meridian/v1/event.ts';
import type { Entry } from '../../proto/gen/meridian/v1/query.ts';
import type { Transfer } from '../../proto/gen/meridian/v1/transfer.ts';
import type { Account } from '../core/account.ts';
import type { Channel } from '../core/channel.ts';
import type { Original } from '../core/original.ts';
import type { SweepCursor } from '../core/post/command.ts';
import type { Append, Head } from './append-batch.ts';
import type { AsOf, EntryPage, EventPage, LegsWanted, TransferSearch } from './asked-pages.ts';
import type { PartitionStore, SeqBounds } from './partition-store.ts';
import type {
  CopyPosition,
  DueHolds,
  NodeRole,
  NumberedLeg,
  Seen,
  StateAt,
  StoredChange,
  StoredOpening,
  StoredTransfer,
} from './stored-records.ts';

/**
 * The database of a book, or of one copy of it, as the ledger uses it. Whatever cannot be done is
 * a StoreError; any other error is a bug.
 */
export interface BookDatabase {
  /**
   * Opens connections to the database. The first is made when it is needed; one that was lost is
   * made again.
   *
   * @param connections at most. With one, what is asked through the store is done in the order
   *   in which it was asked, and each sees what those before it have written.
   */
  open(connections: number, events?: StoreEvents): BookStore;
}

export interface StoreEvents {
  /**
   * Called with each warning of the database, in its words and before the result of the commit
   * that it is about. A commit raises only one: that its wait for another copy was cut short.
   */
  readonly onWarning?: (warning: string) => void;
  /**
   * Called when a connection has been closed by either side. With this, none is closed because of
   * its age alone.
   */
  readonly onClose?: () => void;
}

/** Everything that the ledger asks of the database of one book, by who asks it. */
export interface BookStore extends LeaderStore, KeyReads, LegReads, ServiceReads {
  /**
   * Closes the connections. What is under way may take this long (seconds), and is lost then.
   */
  close(graceSeconds: number): Promise<void>;
}

/**
 * What a leader needs: it proves with each batch that it still leads, and reads what its memory
 * lacks.
 */
export interface LeaderStore {
  /**
   * Undefined: the journal is one, and the database refuses an id that is anywhere in it. Else it
   * refuses one that is in the same partition, and the leader must see to the others.
   */
  readonly partitions?: PartitionStore | undefined;

  /** The role of the database now, and how commits through this connection are made. */
  readNodeRole(): Promise<NodeRole>;

  /**
   * Makes every later commit one that only a copy of this database's own history can confirm.
   * Asked of a primary before a take-over.
   */
  leaveFork(): Promise<void>;

  /**
   * The head of the book; makes it first if the database is new.
   * @throws Error if the database holds another book
   */
  readHead(): Promise<Head>;

  /** Epoch of the head as it is now, and who bumped it. */
  readEpoch(): Promise<{ readonly epoch: number; readonly leader: string }>;

  /**
   * Appends a batch in one transaction: the head is compared and set, and only if it was as the
   * batch requires the rest is written.
   *
   * @returns false if the head has moved: another leader owns the book, nothing was written
   * @throws StoreError `known_id` if an id of a row is in the same partition of the journal already, or an
   *   external id in the book;
   *   CommitInDoubt if it was committed, but perhaps in this copy alone
   */
  append(batch: Append): Promise<boolean>;

  /**
   * What posting needs of the accounts that exist among `ids`.
   *
   * @param within the partitions, in the order of their rows, that may have entries of these
   *   accounts; undefined: any part of the journal may
   */
  loadAccounts(ids: readonly bigint[], within?: readonly SeqBounds[]): Promise<Account[]>;

  /** Ids of all transit accounts of the book, by external id. There are few. */
  loadTransitAccounts(): Promise<Map<string, bigint>>;

  /** Scales of all assets that were registered in the book, by code. There are few. */
  loadAssets(): Promise<Map<string, number>>;

  /**
   * The rows among `ids` that captures, releases and reversals may name, and what is left of each.
   */
  loadOriginals(ids: readonly string[]): Promise<Original[]>;

  /** Every channel of the book. */
  readChannels(): Promise<Channel[]>;

  /** The openings of the accounts among these external ids, by external id. */
  readOpened(externalIds: readonly string[]): Promise<Map<string, StoredOpening>>;

  /** Holds that expire after the cursor and not after `nowMicros`, in that order; null: none. */
  readDueHolds(after: SweepCursor, nowMicros: number, limit: number): Promise<DueHolds | null>;
}

/** The outcomes that keys have already. */
export interface KeyReads {
  /**
   * The transfers among `ids` as the journal has them, by id: all that a caller has asked for by
   * a key, and legs of groups by their own ids. An id of anything else is not found.
   *
   * @throws TooManyLegs, TooManyBytes
   */
  readTransfers(ids: readonly string[], wanted: LegsWanted): Promise<Map<string, StoredTransfer>>;

  /** The changes of accounts among `ids` as the journal has them, by id. */
  readChanges(ids: readonly string[]): Promise<Map<string, StoredChange>>;

  /** Those of the ids that a row of the journal has. */
  readExistingIds(ids: readonly string[]): Promise<Set<string>>;
}

/** The legs of the channels of a book, in order of their numbers: what settlement needs. */
export interface LegReads
  extends Pick<KeyReads, 'readExistingIds'>, Pick<LeaderStore, 'loadOriginals'> {
  /** Legs sent to a book with a number above `after`. */
  readLegsAfter(peerBook: number, after: number, limit: number): Promise<NumberedLeg[]>;

  /** Legs that arrived from a book with a number above `after`, and their results. */
  readArrivedLegs(originBook: number, after: number, limit: number): Promise<ListedLeg[]>;

  /**
   * Legs sent to a book with numbers above `after` up to `through`, and their results as this
   * book has closed them.
   */
  readClosedLegs(
    peerBook: number,
    range: { readonly after: number; readonly through: number; readonly limit: number },
  ): Promise<ListedLeg[]>;

  /** Legs that arrived from a book after `after` up to `through`, and that this book refused. */
  readRefusals(
    originBook: number,
    after: number,
    through: number,
  ): Promise<{ readonly number: number; readonly reason: Reason }[]>;

  /** Asset and kind of those of the accounts that the book has, by their ids. */
  readAssetsOf(
    ids: readonly bigint[],
  ): Promise<Map<bigint, { readonly asset: string; readonly transit: boolean }>>;
}

/** Reads of callers that may be made in one snapshot with others. */
export interface SnapshotReads {
  /** The accounts among `ids` with their newest totals and settings, by id. */
  readAccounts(ids: readonly bigint[]): Promise<Seen<Map<bigint, AccountView>>>;

  /** A page of an account's entries, by version. */
  readEntries(page: EntryPage): Promise<Seen<Entry[]>>;

  /**
   * Totals of an account after the newest version at or before each bound, in the order of the
   * bounds.
   */
  readStates(account: bigint, asOf: AsOf, bounds: readonly bigint[]): Promise<StateAt[]>;

  /**
   * A page of the transfers that pass a filter, by their place in the journal. Legs of groups
   * stand on their own, and groups without them.
   */
  searchTransfers(search: TransferSearch): Promise<Transfer[]>;
}

/** What callers read. Each answer has the end of the journal in its snapshot, where that matters. */
export interface ServiceReads extends SnapshotReads {
  /**
   * Several reads that see one state of the book, and where the journal ends in it.
   *
   * @param limitMs each read may take this long; 0: they may take as long as they do
   * @param signal when it is aborted, the read that runs is cancelled
   * @throws StoreError `time_up` if a read took too long or was cancelled
   */
  snapshot<T>(
    limitMs: number,
    read: (reads: SnapshotReads) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<Seen<T>>;

  /** Where the journal of this copy ends; undefined if the book was never led. */
  readPosition(): Promise<CopyPosition | undefined>;

  /** The accounts that carry one of these external ids, in the order they were opened. */
  readAccountsByExternalId(externalIds: readonly string[]): Promise<Seen<AccountView[]>>;

  /** Accounts of callers in the order they were opened, after account `after`. */
  listAccounts(after: bigint, limit: number): Promise<Seen<AccountView[]>>;

  /** True if there is such an account. */
  accountExists(id: bigint): Promise<boolean>;

  /**
   * The account with the totals and settings that it had at a time (microseconds since 1970) or
   * after a place in the journal; undefined if there was none yet.
   *
   * @param through what comes after this place in the journal is left out
   */
  readAccountAt(
    id: bigint,
    asOf: Exclude<AsOf, 'version'>,
    bound: bigint,
    through: bigint,
  ): Promise<AccountView | undefined>;

  /** The same as `readTransfers`, with where the journal ended. */
  readTransfersSeen(
    ids: readonly string[],
    wanted: LegsWanted,
  ): Promise<Seen<Map<string, StoredTransfer>>>;

  /** Scales of all registered assets, by code, with where the journal ended. */
  readAssets(): Promise<Seen<Map<string, number>>>;

  /** Rows of the journal as events, in order of seq. */
  readEvents(page: EventPage): Promise<Event[]>;
}
