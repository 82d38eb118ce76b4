import type { Account as AccountView } from '../../../proto/gen/meridian/v1/account.ts';
import type { Account } from '../../core/account.ts';
import { assert } from '../../core/assert.ts';
import { RowKind } from '../../core/journal-row.ts';
import { type Original, originalOf } from '../../core/original.ts';
import type { SweepCursor } from '../../core/post/command.ts';
import { storedChange, storedOptions } from '../../core/validate/options.ts';
import { timestampFrom } from '../../core/timestamp.ts';
import type { Append } from '../../store/append-batch.ts';
import type {
  AsOf,
  EntryPage,
  EventPage,
  LegsWanted,
  TransferSearch,
} from '../../store/asked-pages.ts';
import type { BookStore, SnapshotReads } from '../../store/book-store.ts';
import type { SeqBounds } from '../../store/partition-store.ts';
import { StoreError } from '../../store/store-error.ts';
import type {
  CopyPosition,
  DueHolds,
  NodeRole,
  Seen,
  StoredChange,
} from '../../store/stored-records.ts';
import { accountAt, accountNow, entriesOf, openingOf, stateAt } from './memory-accounts.ts';
import type { MemoryAccount, MemoryBook } from './memory-book.ts';
import { eventsOf } from './memory-events.ts';
import { arrivedLegs, closedLegs, refusedNumbers, sentLegs } from './memory-legs.ts';
import { foundTransfers, transfersOf } from './memory-transfers.ts';

/** How a store in memory is reached. */
export interface MemoryAccess {
  /** The book as it is when something is done with it. */
  readonly book: () => MemoryBook;
  readonly role: () => NodeRole;
  /** Does something with the book, sooner or later, and resolves with its result. */
  readonly run: <T>(act: () => T) => Promise<T>;
}

/**
 * A book in memory as a store. What is appended is applied at once, and a read sees all that was
 * applied before it.
 */
export class MemoryStore implements BookStore {
  readonly #access: MemoryAccess;

  constructor(access: MemoryAccess) {
    this.#access = access;
  }

  /** A store of a process of its own: a primary whose commits wait for another copy. */
  static of(book: MemoryBook): MemoryStore {
    return new MemoryStore({
      book: () => book,
      role: () => ({ standby: false, alone: undefined }),
      run: async (act) => {
        await Promise.resolve();
        return act();
      },
    });
  }

  get #book(): MemoryBook {
    return this.#access.book();
  }

  #run<T>(act: () => T): Promise<T> {
    return this.#access.run(act);
  }

  /** There is no connection to close. */
  async close(_graceSeconds: number): Promise<void> {}

  readNodeRole() {
    return this.#run(() => this.#access.role());
  }

  /** No copy of another history reports a position here. */
  leaveFork() {
    return this.#run(() => undefined);
  }

  readHead() {
    return this.#run(() => {
      this.#book.hasHead = true;
      return this.#book.head;
    });
  }

  readEpoch() {
    return this.#run(() => {
      const { epoch, leader } = this.#book.head;
      return { epoch, leader };
    });
  }

  append(batch: Append) {
    return this.#run(() => {
      if (!this.#book.isHeadOf(batch.head)) return false;
      const key = this.#book.duplicateIn(batch);
      if (key !== undefined) throw new StoreError('known_id', `there is one already: ${key}`);
      this.#book.apply(batch);
      return true;
    });
  }

  loadAccounts(ids: readonly bigint[], within?: readonly SeqBounds[]) {
    return this.#run(() => {
      for (const id of ids) {
        const { seq } = this.#book.entries.get(id)?.at(-1)?.row ?? {};
        const isWithin = ({ first, end }: SeqBounds) =>
          seq !== undefined && seq >= first && seq < end;
        // A database would answer with an older state.
        assert(
          seq === undefined || within === undefined || within.some(isWithin),
          'an account is looked for where its newest entry is',
        );
      }
      const found = ids.map((id) => this.#book.states.get(id));
      return found.flatMap((state): Account[] => (state === undefined ? [] : [{ ...state }]));
    });
  }

  loadTransitAccounts() {
    return this.#run(() => {
      const transits = [...this.#book.accounts.values()].filter(({ account }) => account.transit);
      return new Map(transits.map(({ externalId, account }) => [externalId, account.id]));
    });
  }

  loadAssets() {
    return this.#run(() => this.#scales());
  }

  loadOriginals(ids: readonly string[]) {
    return this.#run(() => ids.flatMap((id): Original[] => this.#original(id)));
  }

  #original(id: string): Original[] {
    const { byId, drawing, channels } = this.#book;
    const row = byId.get(id);
    const fresh = row === undefined ? undefined : originalOf(row);
    if (row === undefined || fresh === undefined) return [];
    const rows = drawing.get(id) ?? [];
    const newest = rows.at(-1);
    const left = newest?.details?.drawn?.left ?? fresh.left;
    const isHold = row.kind === RowKind.hold;
    const capture = rows.findLast(({ kind }) => kind === RowKind.capture);
    const { action } = storedOptions(capture?.details?.options ?? '');
    const isFinal = action?.$case === 'capture' && action.value.final;
    const settled = channels.get(capture?.peer?.book ?? 0)?.settled ?? Infinity;
    const travels = isFinal && (capture?.peer?.number ?? 0) > settled;
    return [
      {
        ...fresh,
        left,
        endedBy: isHold && left === 0n ? (newest?.kind ?? null) : null,
        closing: isHold && row.peer !== null && travels,
      },
    ];
  }

  readChannels() {
    return this.#run(() => [...this.#book.channels.values()].map((channel) => ({ ...channel })));
  }

  readOpened(externalIds: readonly string[]) {
    return this.#run(() => {
      const found = externalIds.map((name) => [name, openingOf(this.#book, name)] as const);
      return new Map(
        found.flatMap(([name, opening]) => (opening === undefined ? [] : [[name, opening]])),
      );
    });
  }

  readDueHolds(after: SweepCursor, nowMicros: number, limit: number) {
    return this.#run((): DueHolds | null => {
      const due = this.#book.expiring
        .map(({ id, seq, details }) => ({
          id,
          cursor: { expiresAtMicros: details?.expiresAtMicros ?? 0, seq },
        }))
        .filter(({ cursor }) => isAfter(cursor, after) && cursor.expiresAtMicros <= nowMicros)
        .toSorted((a, b) => (isAfter(a.cursor, b.cursor) ? 1 : -1))
        .slice(0, limit);
      const last = due.at(-1);
      if (last === undefined) return null;
      const { seq, atMicros } = this.#book.head;
      return { ids: due.map(({ id }) => id), cursor: last.cursor, seen: { seq, atMicros } };
    });
  }

  readTransfers(ids: readonly string[], wanted: LegsWanted) {
    return this.#run(() => transfersOf(this.#book, ids, wanted));
  }

  readTransfersSeen(ids: readonly string[], wanted: LegsWanted) {
    return this.#run(() => this.#seen(transfersOf(this.#book, ids, wanted)));
  }

  readChanges(ids: readonly string[]) {
    return this.#run(() => new Map(ids.flatMap((id) => this.#change(id))));
  }

  #change(id: string): [string, StoredChange][] {
    const row = this.#book.byId.get(id);
    if (row?.kind !== RowKind.change) return [];
    const { epoch, seq, reason, details, reference, metadata, atMicros } = row;
    const request = {
      accountId: row.creditAccount ?? 0n,
      by: details?.by ?? '',
      why: reference,
      ...storedChange(details?.options ?? '', metadata),
    };
    const position = { book: this.#book.book.number, epoch: BigInt(epoch), seq: BigInt(seq) };
    return [[id, { request, reason, position, decidedAt: timestampFrom(atMicros) }]];
  }

  readExistingIds(ids: readonly string[]) {
    return this.#run(() => new Set(ids.filter((id) => this.#book.byId.has(id))));
  }

  readLegsAfter(peerBook: number, after: number, limit: number) {
    return this.#run(() => sentLegs(this.#book, peerBook, { after, through: Infinity, limit }));
  }

  readArrivedLegs(originBook: number, after: number, limit: number) {
    return this.#run(() =>
      arrivedLegs(this.#book, originBook, { after, through: Infinity, limit }),
    );
  }

  readClosedLegs(peerBook: number, range: Parameters<BookStore['readClosedLegs']>[1]) {
    return this.#run(() => closedLegs(this.#book, peerBook, range));
  }

  readRefusals(originBook: number, after: number, through: number) {
    return this.#run(() => refusedNumbers(this.#book, originBook, after, through));
  }

  readAssetsOf(ids: readonly bigint[]) {
    return this.#run(() => {
      const found = ids.flatMap((id) => this.#book.accounts.get(id)?.account ?? []);
      return new Map(found.map(({ id, asset, transit }) => [id, { asset, transit }]));
    });
  }

  readPosition() {
    return this.#run(() => this.#end());
  }

  readAccounts(ids: readonly bigint[]) {
    return this.#run(() => {
      const found = ids.map((id) => accountNow(this.#book, id));
      return this.#seen(
        new Map(found.flatMap((account) => (account === undefined ? [] : [[account.id, account]]))),
      );
    });
  }

  readAccountsByExternalId(externalIds: readonly string[]) {
    return this.#run(() => {
      const names = new Set(externalIds);
      return this.#seen(this.#views(({ externalId }) => names.has(externalId)));
    });
  }

  listAccounts(after: bigint, limit: number) {
    return this.#run(() =>
      this.#seen(
        this.#views(({ account: { id, transit } }) => id > after && !transit).slice(0, limit),
      ),
    );
  }

  /** In the order in which they were opened. */
  #views(isWanted: (opened: MemoryAccount) => boolean): AccountView[] {
    return [...this.#book.accounts.values()]
      .filter(isWanted)
      .map(({ account }) => account.id)
      .toSorted((a, b) => (a < b ? -1 : 1))
      .flatMap((id) => accountNow(this.#book, id) ?? []);
  }

  accountExists(id: bigint) {
    return this.#run(() => this.#book.accounts.has(id));
  }

  readAccountAt(id: bigint, asOf: Exclude<AsOf, 'version'>, bound: bigint, through: bigint) {
    return this.#run(() => accountAt(this.#book, id, asOf, bound, through));
  }

  readAssets() {
    return this.#run(() => this.#seen(this.#scales()));
  }

  readEntries(page: EntryPage) {
    return this.#run(() => this.#seen(entriesOf(this.#book, page)));
  }

  readStates(account: bigint, asOf: AsOf, bounds: readonly bigint[]) {
    return this.#run(() => bounds.map((bound) => stateAt(this.#book, account, asOf, bound)));
  }

  searchTransfers(search: TransferSearch) {
    return this.#run(() => foundTransfers(this.#book, search));
  }

  readEvents(page: EventPage) {
    return this.#run(() => eventsOf(this.#book, page));
  }

  /** No read is ended because of its time. */
  async snapshot<T>(
    _limitMs: number,
    read: (reads: SnapshotReads) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<Seen<T>> {
    const { found: book, end } = await this.#run(() => this.#seen(this.#book.copy()));
    if (signal?.aborted === true) throw new StoreError('time_up', 'the read was given up');
    return { found: await read(new MemoryStore({ ...this.#access, book: () => book })), end };
  }

  #scales(): Map<string, number> {
    return new Map([...this.#book.assets.values()].map(({ asset, scale }) => [asset, scale]));
  }

  #seen<T>(found: T): Seen<T> {
    return { found, end: this.#end() };
  }

  #end(): CopyPosition | undefined {
    const { hasHead, head, book } = this.#book;
    if (!hasHead) return undefined;
    const { epoch, seq, leader } = head;
    const { standby } = this.#access.role();
    return { book: book.number, epoch: BigInt(epoch), seq: BigInt(seq), leader, standby };
  }
}

const isAfter = (a: SweepCursor, b: SweepCursor) =>
  a.expiresAtMicros > b.expiresAtMicros ||
  (a.expiresAtMicros === b.expiresAtMicros && a.seq > b.seq);
