import type { Book } from '../../core/book.ts';
import type { SweepCursor } from '../../core/post/command.ts';
import type { Append } from '../append-batch.ts';
import type { AsOf, EntryPage, EventPage, LegsWanted, TransferSearch } from '../asked-pages.ts';
import type { BookDatabase, BookStore, SnapshotReads, StoreEvents } from '../book-store.ts';
import type { SeqBounds } from '../partition-store.ts';
import type { Seen } from '../stored-records.ts';
import { append } from './append.ts';
import {
  readArrivedLegs,
  readChannels,
  readClosedLegs,
  readLegsAfter,
  readRefusals,
} from './channels.ts';
import { connect, isWarning, type Queries, type Sql } from './connect.ts';
import { readEpoch, readHead } from './head.ts';
import { leaveFork } from './leave-fork.ts';
import { loadAccounts, loadTransitAccounts } from './load-accounts.ts';
import { loadAssets, readAssets } from './load-assets.ts';
import { loadOriginals } from './load-originals.ts';
import { readNodeRole } from './node-role.ts';
import { PostgresPartitions } from './partitions.ts';
import { readAccountAt } from './read-account-at.ts';
import {
  accountExists,
  listAccounts,
  readAccounts,
  readAccountsByExternalId,
} from './read-accounts.ts';
import { readChanges } from './read-changes.ts';
import { readDueHolds } from './read-due-holds.ts';
import { readEntries } from './read-entries.ts';
import { readEvents } from './read-events.ts';
import { readAssetsOf, readExistingIds } from './read-existing.ts';
import { readOpened } from './read-opened.ts';
import { readPosition } from './read-position.ts';
import { readStates } from './read-states.ts';
import { readTransfers, readTransfersSeen } from './read-transfers.ts';
import { searchTransfers } from './search-transfers.ts';
import { asked } from './translate-error.ts';
import { withTimeLimit } from './time-limit.ts';

/** A book in Postgres, reached at one node. */
export class PostgresDatabase implements BookDatabase {
  readonly #url: string;
  readonly #book: Book;

  /** @param url `postgres://user:password@host:port/database` */
  constructor(url: string, book: Book) {
    this.#url = url;
    this.#book = book;
  }

  open(connections: number, { onWarning, onClose }: StoreEvents = {}): PostgresStore {
    const sql = connect(this.#url, connections, {
      onNotice: (notice) => {
        if (isWarning(notice)) onWarning?.(notice['message'] ?? '');
      },
      ...(onClose !== undefined && { onClose }),
    });
    return new PostgresStore(sql, this.#book, () => connect(this.#url, 1));
  }
}

class PostgresReads implements SnapshotReads {
  readonly #queries: Queries;
  readonly #book: Book;

  constructor(queries: Queries, book: Book) {
    this.#queries = queries;
    this.#book = book;
  }

  readAccounts(ids: readonly bigint[]) {
    return asked(() => readAccounts(this.#queries, this.#book, ids));
  }

  readEntries(page: EntryPage) {
    return asked(() => readEntries(this.#queries, this.#book.number, page));
  }

  readStates(account: bigint, asOf: AsOf, bounds: readonly bigint[]) {
    return asked(() => readStates(this.#queries, account, asOf, bounds));
  }

  searchTransfers(search: TransferSearch) {
    return asked(() => searchTransfers(this.#queries, this.#book.number, search));
  }
}

/** A pool of connections to a book in Postgres. Each method has its statement in a file of its own. */
export class PostgresStore extends PostgresReads implements BookStore {
  readonly partitions: PostgresPartitions;
  readonly #sql: Sql;
  readonly #book: Book;
  readonly #connectToCancel: () => Sql;
  #cancelling: Sql | undefined;

  /**
   * @param connectToCancel opens another pool, through which reads are cancelled: in this one the
   *   reads that are given up could take every connection. Default: this pool.
   */
  constructor(sql: Sql, book: Book, connectToCancel = () => sql) {
    super(sql, book);
    this.partitions = new PostgresPartitions(sql);
    this.#sql = sql;
    this.#book = book;
    this.#connectToCancel = connectToCancel;
  }

  readNodeRole() {
    return asked(() => readNodeRole(this.#sql));
  }

  leaveFork() {
    return asked(() => leaveFork(this.#sql));
  }

  readHead() {
    return asked(() => readHead(this.#sql, this.#book));
  }

  readEpoch() {
    return asked(() => readEpoch(this.#sql));
  }

  append(batch: Append) {
    return asked(() => append(this.#sql, batch));
  }

  loadAccounts(ids: readonly bigint[], within?: readonly SeqBounds[]) {
    return asked(() => loadAccounts(this.#sql, ids, within));
  }

  loadTransitAccounts() {
    return asked(() => loadTransitAccounts(this.#sql));
  }

  loadAssets() {
    return asked(() => loadAssets(this.#sql));
  }

  loadOriginals(ids: readonly string[]) {
    return asked(() => loadOriginals(this.#sql, ids));
  }

  readChannels() {
    return asked(() => readChannels(this.#sql));
  }

  readOpened(externalIds: readonly string[]) {
    return asked(() => readOpened(this.#sql, this.#book, externalIds));
  }

  readDueHolds(after: SweepCursor, nowMicros: number, limit: number) {
    return asked(() => readDueHolds(this.#sql, after, nowMicros, limit));
  }

  readTransfers(ids: readonly string[], wanted: LegsWanted) {
    return asked(() => readTransfers(this.#sql, this.#book.number, ids, wanted));
  }

  readChanges(ids: readonly string[]) {
    return asked(() => readChanges(this.#sql, this.#book.number, ids));
  }

  readExistingIds(ids: readonly string[]) {
    return asked(() => readExistingIds(this.#sql, ids));
  }

  readLegsAfter(peerBook: number, after: number, limit: number) {
    return asked(() => readLegsAfter(this.#sql, peerBook, after, limit));
  }

  readArrivedLegs(originBook: number, after: number, limit: number) {
    return asked(() => readArrivedLegs(this.#sql, originBook, after, limit));
  }

  readClosedLegs(peerBook: number, range: Parameters<typeof readClosedLegs>[2]) {
    return asked(() => readClosedLegs(this.#sql, peerBook, range));
  }

  readRefusals(originBook: number, after: number, through: number) {
    return asked(() => readRefusals(this.#sql, originBook, after, through));
  }

  readAssetsOf(ids: readonly bigint[]) {
    return asked(() => readAssetsOf(this.#sql, ids));
  }

  snapshot<T>(
    limitMs: number,
    read: (reads: SnapshotReads) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<Seen<T>> {
    const giveUp = signal && { signal, through: this.#throughToCancel() };
    return asked(() =>
      withTimeLimit(
        this.#sql,
        limitMs,
        (queries) => read(new PostgresReads(queries, this.#book)),
        giveUp,
      ),
    );
  }

  readPosition() {
    return asked(() => readPosition(this.#sql));
  }

  readAccountsByExternalId(externalIds: readonly string[]) {
    return asked(() => readAccountsByExternalId(this.#sql, this.#book, externalIds));
  }

  listAccounts(after: bigint, limit: number) {
    return asked(() => listAccounts(this.#sql, this.#book, after, limit));
  }

  accountExists(id: bigint) {
    return asked(() => accountExists(this.#sql, id));
  }

  readAccountAt(id: bigint, asOf: Exclude<AsOf, 'version'>, bound: bigint, through: bigint) {
    return asked(() => readAccountAt(this.#sql, this.#book, id, asOf, bound, through));
  }

  readTransfersSeen(ids: readonly string[], wanted: LegsWanted) {
    return asked(() => readTransfersSeen(this.#sql, this.#book.number, ids, wanted));
  }

  readAssets() {
    return asked(() => readAssets(this.#sql));
  }

  readEvents(page: EventPage) {
    return asked(() => readEvents(this.#sql, this.#book.number, page));
  }

  async close(graceSeconds: number): Promise<void> {
    await this.#sql.end({ timeout: graceSeconds });
    await this.#cancelling?.end({ timeout: graceSeconds });
  }

  #throughToCancel(): Sql {
    this.#cancelling ??= this.#connectToCancel();
    return this.#cancelling;
  }
}
