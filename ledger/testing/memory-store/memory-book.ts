import { type Account, newAccount } from '../../core/account.ts';
import type { Book } from '../../core/book.ts';
import { must } from '../../core/assert.ts';
import { CHAIN_START } from '../../core/chain.ts';
import type { Channel } from '../../core/channel.ts';
import { decodeRow, tupleEnd } from '../../core/decode-rows.ts';
import { type JournalRow, RowKind } from '../../core/journal-row.ts';
import type { OpenedAccount, RegisteredAsset } from '../../core/post/book-state.ts';
import type { Append, Head, HeadMove } from '../../store/append-batch.ts';
import type { Partition } from '../../store/partition-store.ts';
import { StoreError } from '../../store/store-error.ts';

/** An account as it was opened, and when (microseconds since 1970). */
export interface MemoryAccount extends OpenedAccount {
  readonly atMicros: number;
}

/** A version of an account: the row that made it, and the side on which the account is. */
export interface MemoryEntry {
  readonly version: number;
  readonly side: 'debit' | 'credit';
  readonly row: JournalRow;
}

/** A change of the partitions of a journal, as PartitionStore names them. */
export type PartitionChange =
  | {
      readonly kind: 'add';
      readonly size: number;
      readonly versions: boolean;
      readonly count: number;
    }
  | { readonly kind: 'complete' | 'strip'; readonly first: number };

const samePlaces = (a: readonly number[], b: readonly number[]) => a.join(',') === b.join(',');

/**
 * What the database of a book holds, in memory: the result of the batches that were applied, with
 * what a database would find by an index.
 */
export class MemoryBook {
  readonly book: Book;
  head: Head;
  /** False: no server has looked at its head yet, and so it has none. */
  hasHead = false;
  /** In the order of the journal. */
  readonly rows: JournalRow[] = [];
  /** Value of the chain after a batch, by its last row. */
  readonly chains = new Map<JournalRow, Uint8Array>();
  readonly byId = new Map<string, JournalRow>();
  /** Legs, by the id of their group. */
  readonly byGroup = new Map<string, JournalRow[]>();
  /** Rows that draw on another row and state what is left of it, by the id of that. */
  readonly drawing = new Map<string, JournalRow[]>();
  /** Rows of kind return, by the transfer that came back. */
  readonly returns = new Map<string, JournalRow>();
  readonly accounts = new Map<bigint, MemoryAccount>();
  readonly byExternalId = new Map<string, MemoryAccount>();
  /** Newest totals and settings. */
  readonly states = new Map<bigint, Account>();
  /** Versions of each account, in order. */
  readonly entries = new Map<bigint, MemoryEntry[]>();
  /** Changes of each account that were applied, in order. */
  readonly changes = new Map<bigint, JournalRow[]>();
  /** Rows that expire: holds. */
  readonly expiring: JournalRow[] = [];
  readonly channels = new Map<number, Channel>();
  readonly assets = new Map<string, RegisteredAsset>();
  /** In the order of their rows; none: the journal is one, as in releases before partitions. */
  partitions: readonly Partition[] = [];
  /** Keys of the unique indexes other than those of ids. */
  readonly #unique = new Set<string>();
  readonly #applied: Append[] = [];

  /** @param instance UUID of this database of the book */
  constructor(book: Book, instance: string) {
    this.book = book;
    this.head = {
      instance,
      epoch: 0,
      leader: '',
      seq: 0,
      chain: CHAIN_START,
      atMicros: 0,
      accounts: 0,
      swept: { expiresAtMicros: 0, seq: 0 },
      fenced: false,
      regionBooks: [],
    };
  }

  /** The same book as it is now: what is applied here later is not seen there. */
  copy(): MemoryBook {
    const copy = new MemoryBook(this.book, this.head.instance);
    copy.partitions = this.partitions;
    for (const batch of this.#applied) copy.apply(batch);
    copy.head = this.head;
    copy.hasHead = this.hasHead;
    return copy;
  }

  /** True if the head is what a batch requires it to be. */
  isHeadOf({ epochBefore, seqBefore, leader, regionBooksBefore, atMicros }: HeadMove): boolean {
    const { head } = this;
    if (head.epoch !== epochBefore || head.seq !== seqBefore) return false;
    if (leader !== undefined && (head.fenced || head.atMicros >= atMicros)) return false;
    return regionBooksBefore === undefined || samePlaces(regionBooksBefore, head.regionBooks);
  }

  /**
   * The first key of a batch that a unique index refuses; undefined: none. Each partition has
   * indexes of its own, and a bare one has none of versions.
   *
   * @throws StoreError `refused` if a row has no partition
   */
  duplicateIn(batch: Append): string | undefined {
    const seen = new Set<string>();
    for (const row of rowsOf(batch)) {
      for (const key of this.#checkedKeys(row)) {
        if (this.#unique.has(key) || seen.has(key)) return key;
        seen.add(key);
      }
    }
    const { opened, registered } = batch;
    const names = new Set<string>();
    for (const { externalId, account } of opened) {
      if (this.byExternalId.has(externalId) || names.has(externalId)) return externalId;
      if (this.accounts.has(account.id)) return `account ${account.id}`;
      names.add(externalId);
    }
    return registered.find(({ asset }) => this.assets.has(asset))?.asset;
  }

  /** Applies a batch, whatever the head is. */
  apply(batch: Append): void {
    this.#applied.push(writtenBatch(batch));
    this.hasHead = true;
    const { head, opened, channels, registered, swept, regionBooks } = batch;
    const { atMicros } = head;
    for (const item of opened) {
      const { id, asset, minBalance, maxBalance, transit } = item.account;
      const kept = { ...item, atMicros };
      this.accounts.set(id, kept);
      this.byExternalId.set(item.externalId, kept);
      this.states.set(id, newAccount(id, asset, { minBalance, maxBalance }, transit));
    }
    for (const item of registered) this.assets.set(item.asset, item);
    const rows = rowsOf(batch);
    for (const row of rows) this.#add(row);
    const last = rows.at(-1);
    if (last !== undefined) this.chains.set(last, Buffer.from(head.chainAfter));
    for (const channel of channels) this.channels.set(channel.peerBook, { ...channel });
    this.head = {
      ...this.head,
      epoch: head.epochAfter,
      leader: head.leader ?? this.head.leader,
      seq: head.seqAfter,
      chain: Buffer.from(head.chainAfter),
      atMicros,
      accounts: head.accountsAfter,
      swept: swept ?? this.head.swept,
      regionBooks: regionBooks ?? this.head.regionBooks,
    };
  }

  /** Adds a partition, or gives one its indexes of versions or takes them. */
  changePartitions(change: PartitionChange): void {
    if (change.kind === 'add') {
      const { size, versions, count } = change;
      const begin = this.partitions.at(-1)?.end ?? 1;
      const added = Array.from({ length: count }, (_, index) => {
        const first = begin + index * size;
        return { first, end: first + size, ids: true, versions };
      });
      this.partitions = [...this.partitions, ...added];
      return;
    }
    const versions = change.kind === 'complete';
    this.partitions = this.partitions.map((one) =>
      one.first === change.first ? { ...one, versions } : one,
    );
  }

  /** Where the indexes are that a row is in; undefined: the journal is one. */
  #partitionOf({ seq }: JournalRow): Partition | undefined {
    if (this.partitions.length === 0) return undefined;
    const found = this.partitions.find(({ first, end }) => seq >= first && seq < end);
    if (found === undefined) {
      throw new StoreError('refused', `no partition of the journal was found for row ${seq}`);
    }
    return found;
  }

  #keysOf(row: JournalRow): string[] {
    const { first = 0 } = this.#partitionOf(row) ?? {};
    return [`id ${row.id}`, ...uniqueKeys(row)].map((key) => `${first} ${key}`);
  }

  #checkedKeys(row: JournalRow): string[] {
    const keys = this.#keysOf(row);
    if (this.#partitionOf(row)?.versions !== false) return keys;
    return keys.filter((key) => !/^\d+ (?:debit|credit) /u.test(key));
  }

  #add(row: JournalRow): void {
    this.rows.push(row);
    this.byId.set(row.id, row);
    for (const key of this.#keysOf(row)) this.#unique.add(key);
    const { groupId = null, drawn = null, expiresAtMicros = null } = row.details ?? {};
    if (expiresAtMicros !== null) this.expiring.push(row);
    if (groupId !== null) push(this.byGroup, groupId, row);
    if (drawn !== null && drawn.left !== null) push(this.drawing, drawn.id, row);
    if (row.kind === RowKind.return) this.returns.set(row.originId ?? '', row);
    if (row.kind === RowKind.change && row.reason === 0 && row.creditAccount !== null) {
      push(this.changes, row.creditAccount, row);
    }
    this.#addEntries(row);
  }

  #addEntries(row: JournalRow): void {
    const { entries, debitAccount: debit, creditAccount: credit, details } = row;
    const { held, debitVersion, creditVersion } = entries ?? {};
    if (debit !== null && debitVersion !== null && debitVersion !== undefined) {
      push(this.entries, debit, { version: debitVersion, side: 'debit', row });
      this.#change(debit, {
        version: debitVersion,
        debits: entries?.debitDebits ?? 0n,
        credits: entries?.debitCredits ?? 0n,
        heldDebits: held?.debitHeldDebits ?? 0n,
        heldCredits: held?.debitHeldCredits ?? 0n,
      });
    }
    if (credit === null || creditVersion === null || creditVersion === undefined) return;
    push(this.entries, credit, { version: creditVersion, side: 'credit', row });
    this.#change(credit, {
      version: creditVersion,
      debits: entries?.creditDebits ?? 0n,
      credits: entries?.creditCredits ?? 0n,
      heldDebits: held?.creditHeldDebits ?? 0n,
      heldCredits: held?.creditHeldCredits ?? 0n,
      ...(row.kind === RowKind.change && details?.settings),
    });
  }

  #change(id: bigint, change: Partial<Account>): void {
    const before = this.states.get(id);
    if (before !== undefined) this.states.set(id, { ...before, ...change });
  }
}

/** A batch as it was when it was written: what posted it goes on with its own objects. */
export function writtenBatch(batch: Append): Append {
  return {
    ...batch,
    ...(batch.plain && { plain: { ...batch.plain, bytes: Buffer.from(batch.plain.bytes) } }),
    opened: batch.opened.map((item) => ({ ...item, account: { ...item.account } })),
    channels: batch.channels.map((channel) => ({ ...channel })),
  };
}

/** The rows of a batch as they are stored: their places follow from the head. */
function rowsOf({ plain, rows, head }: Append): JournalRow[] {
  const { seqBefore, epochAfter: epoch, atMicros } = head;
  const all = plain === null || plain === undefined ? rows : [...decoded(plain.bytes), ...rows];
  return all.map((row, index) => ({ ...row, seq: seqBefore + index + 1, epoch, atMicros }));
}

/** Rows of the plain lane, which are handed over as bytes. */
function decoded(bytes: Buffer): JournalRow[] {
  const rows: JournalRow[] = [];
  for (let at = 0; at < bytes.length;) {
    rows.push(decodeRow(bytes, at).row);
    at = must(tupleEnd(bytes, at), 'the bytes of a batch are whole rows');
  }
  return rows;
}

/** Which values of a row may occur once: its place, versions of accounts, numbers of channels. */
function uniqueKeys({ seq, kind, debitAccount, creditAccount, entries, peer }: JournalRow) {
  const keys = [`seq ${seq}`];
  const { debitVersion = null, creditVersion = null } = entries ?? {};
  // As in Postgres, each side has an index of its own: between both, only the leader keeps watch.
  if (debitVersion !== null) keys.push(`debit ${debitAccount}:${debitVersion}`);
  if (creditVersion !== null) keys.push(`credit ${creditAccount}:${creditVersion}`);
  if (peer !== null && peer.number !== null) {
    const end = CHANNEL_ENDS.get(kind) ?? 'sent';
    keys.push(`${end} ${peer.book}:${peer.number}`);
  }
  return keys;
}

/** Where the numbers of a channel are counted on their own. */
const CHANNEL_ENDS: ReadonlyMap<RowKind, string> = new Map([
  [RowKind.settlement, 'arrived'],
  [RowKind.recovered, 'recovered'],
]);

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
