import { type Account, newAccount, transitExternalId } from '../account.ts';
import { accountId } from '../account-id.ts';
import { assert, must } from '../assert.ts';
import { ISO_4217 } from '../asset.ts';
import type { BookState, OpenedAccount, RegisteredAsset } from './book-state.ts';
import { type Channel, newChannel } from '../channel.ts';
import type { SweepCursor } from './command.ts';
import { type Entries, type JournalRow, RowKind } from '../journal-row.ts';
import { type Original, originalOf } from '../original.ts';
import type { RegionBooks } from '../placement.ts';
import { TouchedAccounts } from './touched-accounts.ts';
import { derivedId } from '../transfer-id.ts';

/** The parts of a row that differ from kind to kind. */
export type RowFields = Omit<JournalRow, 'seq' | 'epoch' | 'atMicros'>;

/** The fields that most kinds of rows lack, to be spread. */
export const EMPTY_ROW = {
  reason: 0,
  debitAccount: null,
  creditAccount: null,
  amount: null,
  entries: null,
  peer: null,
  originId: null,
  namespace: '',
  key: '',
  asset: '',
  code: 0,
  reference: '',
  metadata: {},
  details: null,
} as const;

/** A transfer would leave by a channel whose ends disagree; it is neither applied nor recorded. */
export class ChannelDiverged extends Error {
  override readonly name = 'ChannelDiverged';
  readonly peerBook: number;

  constructor(peerBook: number) {
    super(`the channel to book ${peerBook} has diverged`);
    this.peerBook = peerBook;
  }
}

/** How to make a step of a batch undone: everything that it touches, as it was before. */
interface Savepoint {
  readonly rows: number;
  readonly opened: number;
  readonly accounts: TouchedAccounts;
  readonly channels: Map<number, Channel>;
  readonly originals: Map<string, Original | undefined>;
}

/** The state of a book in the middle of a batch: what was, and what the commands so far did. */
export class Batch {
  readonly rows: JournalRow[] = [];
  readonly opened: OpenedAccount[] = [];
  readonly accounts: TouchedAccounts;
  readonly channels = new Map<number, Channel>();
  readonly originals = new Map<string, Original>();
  readonly registered: RegisteredAsset[] = [];
  readonly atMicros: number;
  swept: SweepCursor | null = null;
  /** The longest list of the books of the region so far; null: as before the batch. */
  newRegionBooks: RegionBooks | null = null;
  readonly #state: BookState;
  readonly #transits = new Map<string, bigint>();
  /** Rows of this batch by id, as far as `original` had to look. */
  readonly #rowsById = new Map<string, JournalRow>();
  #rowsIndexed = 0;
  #savepoint: Savepoint | undefined;

  constructor(state: BookState, atMicros: number) {
    this.#state = state;
    this.accounts = new TouchedAccounts(state.book);
    this.atMicros = atMicros;
  }

  get book(): number {
    return this.#state.book;
  }

  /** Of the newest row before this batch. */
  get seqBefore(): number {
    return this.#state.seq;
  }

  /** Of the newest row. */
  get seq(): number {
    return this.seqBefore + this.rows.length;
  }

  hasBook(number: number): boolean {
    return this.#state.bookNames.has(number);
  }

  get regionBooks(): RegionBooks {
    return this.newRegionBooks ?? this.#state.regionBooks;
  }

  /** True: the batch before, which is not committed yet, opens an account of this external id. */
  isBeingOpened(externalId: string): boolean {
    return this.#state.isBeingOpened(externalId);
  }

  /** Adds a row and gives its seq. */
  row(fields: RowFields): number {
    const seq = this.seq + 1;
    this.rows.push({ ...fields, seq, epoch: this.#state.epoch, atMicros: this.atMicros });
    return seq;
  }

  /** Adds a row that is complete. Most rows come here: what they are made of is copied nowhere. */
  completeRow(row: JournalRow): void {
    assert(row.seq === this.seq + 1, 'rows follow each other without gaps');
    this.rows.push(row);
  }

  /** Of the rows of this batch. */
  get epoch(): number {
    return this.#state.epoch;
  }

  /** The batch's own copy of an account, which a command may change. */
  account(id: bigint): Account | undefined {
    const touched = this.accounts.get(id);
    if (touched !== undefined) {
      this.#keepAccount(touched);
      return touched;
    }
    const own = this.#state.account(id);
    if (own === undefined) return undefined;
    this.accounts.set(own);
    this.#keepAccount(own);
    return own;
  }

  #keepAccount(account: Account): void {
    const kept = this.#savepoint?.accounts;
    if (kept !== undefined && !kept.has(account.id)) kept.set({ ...account });
  }

  /** The account that holds what travels between two books, opened when it is first needed. */
  transitAccount(fromBook: number, toBook: number, asset: string): Account {
    const from = must(this.#state.bookNames.get(fromBook), `book ${fromBook} has a name`);
    const to = must(this.#state.bookNames.get(toBook), `book ${toBook} has a name`);
    const externalId = transitExternalId(from, to, asset);
    let id = this.#transits.get(externalId) ?? this.#state.transitAccountId(externalId);
    if (id === undefined) {
      const limits = { minBalance: null, maxBalance: null };
      id = this.open({ externalId, asset, metadata: {}, transit: true, ...limits }).account.id;
    }
    this.#transits.set(externalId, id);
    return must(this.account(id), 'a transit account exists once it has an id');
  }

  /** Id of the account that is opened next. */
  nextAccountId(): bigint {
    return accountId(this.book, this.#state.accounts + this.opened.length + 1);
  }

  /** Opens an account and writes its row. */
  open(fields: {
    readonly externalId: string;
    readonly asset: string;
    readonly minBalance: bigint | null;
    readonly maxBalance: bigint | null;
    readonly metadata: Readonly<Record<string, string>>;
    readonly transit: boolean;
  }): OpenedAccount {
    const { externalId, asset, minBalance, maxBalance, metadata, transit } = fields;
    const id = this.nextAccountId();
    const account = newAccount(id, asset, { minBalance, maxBalance }, transit);
    this.accounts.set(account);
    const seq = this.row({
      ...EMPTY_ROW,
      id: derivedId('account', externalId),
      kind: RowKind.account,
      creditAccount: id,
      key: externalId,
      asset,
      reference: `min=${minBalance ?? 'none'} max=${maxBalance ?? 'none'}`,
      metadata,
    });
    // A copy: what later commands of the batch do is not part of the opening.
    const opened = { account: { ...account }, externalId, metadata, seq };
    this.opened.push(opened);
    return opened;
  }

  /**
   * To be called before anything of a transfer that leaves for another book is changed.
   * @throws ChannelDiverged if nothing may be sent there now
   */
  requireAgreed(peerBook: number): void {
    const channel = this.channels.get(peerBook) ?? this.#state.channel(peerBook);
    if (channel !== undefined && channel.diverged !== null) throw new ChannelDiverged(peerBook);
  }

  channel(peerBook: number): Channel {
    const touched = this.channels.get(peerBook);
    const stored = touched ?? this.#state.channel(peerBook) ?? newChannel(peerBook);
    const own = touched ?? { ...stored };
    if (touched === undefined) this.channels.set(peerBook, own);
    if (this.#savepoint !== undefined) keep(this.#savepoint.channels, peerBook, own);
    return own;
  }

  /** The batch's own copy of a row that a command wants to draw on. */
  original(id: string): Original | undefined {
    const touched = this.originals.get(id);
    // An id has one row: what is stored is none of this batch.
    const own = touched ?? this.#storedOriginal(id) ?? this.#ownOriginal(id);
    if (own === undefined) return undefined;
    if (this.#savepoint !== undefined) {
      // A row looked up in a step that is undone may be a row of that step: forget it again.
      if (touched === undefined) this.#savepoint.originals.set(id, undefined);
      else keep(this.#savepoint.originals, id, own);
    }
    if (touched === undefined) this.originals.set(id, own);
    return own;
  }

  /** A hold that this batch makes. */
  addHold(hold: Original): void {
    this.originals.set(hold.id, hold);
    this.#savepoint?.originals.set(hold.id, undefined);
  }

  #storedOriginal(id: string): Original | undefined {
    const stored = this.#state.original(id);
    return stored === undefined ? undefined : { ...stored };
  }

  /** Holds are known already; what else this batch has decided is found in its rows. */
  #ownOriginal(id: string): Original | undefined {
    for (; this.#rowsIndexed < this.rows.length; this.#rowsIndexed += 1) {
      const row = this.rows[this.#rowsIndexed];
      if (row !== undefined) this.#rowsById.set(row.id, row);
    }
    const row = this.#rowsById.get(id);
    return row === undefined ? undefined : originalOf(row);
  }

  /** Decimal digits of an asset; undefined if it is not known. */
  scaleOf(asset: string): number | undefined {
    return (
      ISO_4217.get(asset) ??
      this.registered.find((registered) => registered.asset === asset)?.scale ??
      this.#state.scaleOf(asset)
    );
  }

  /**
   * Runs a step that makes all of its changes or none: those it made are undone if it returns
   * false or throws.
   */
  attempt(step: () => boolean): boolean {
    const savepoint: Savepoint = {
      rows: this.rows.length,
      opened: this.opened.length,
      accounts: new TouchedAccounts(this.book),
      channels: new Map(),
      originals: new Map(),
    };
    this.#savepoint = savepoint;
    let kept = false;
    try {
      kept = step();
    } finally {
      this.#savepoint = undefined;
      if (!kept) this.#undo(savepoint);
    }
    return kept;
  }

  #undo({ rows, opened, accounts, channels, originals }: Savepoint): void {
    this.rows.length = rows;
    for (const [id, row] of this.#rowsById) {
      if (row.seq > this.seq) this.#rowsById.delete(id);
    }
    this.#rowsIndexed = Math.min(this.#rowsIndexed, rows);
    for (const account of accounts.values()) this.accounts.set(account);
    for (const [peerBook, channel] of channels) this.channels.set(peerBook, channel);
    for (const [id, original] of originals) {
      if (original === undefined) this.originals.delete(id);
      else this.originals.set(id, original);
    }
    for (const { account, externalId } of this.opened.splice(opened)) {
      this.accounts.delete(account.id);
      this.#transits.delete(externalId);
    }
  }
}

/** Remembers a copy of what is about to be changed, once. */
function keep<K, V extends object>(kept: Map<K, V | undefined>, key: K, value: V): void {
  if (!kept.has(key)) kept.set(key, { ...value });
}

/** Number and totals of both accounts as they are now. */
export function entriesOf(debit: Account | null, credit: Account | null): Entries {
  return {
    debitVersion: debit?.version ?? null,
    creditVersion: credit?.version ?? null,
    debitDebits: debit?.debits ?? null,
    debitCredits: debit?.credits ?? null,
    creditDebits: credit?.debits ?? null,
    creditCredits: credit?.credits ?? null,
    held: isHeld(debit) || isHeld(credit) ? heldOf(debit, credit) : null,
  };
}

function isHeld(account: Account | null): boolean {
  return account !== null && (account.heldDebits > 0n || account.heldCredits > 0n);
}

function heldOf(debit: Account | null, credit: Account | null): NonNullable<Entries['held']> {
  return {
    debitHeldDebits: debit?.heldDebits ?? 0n,
    debitHeldCredits: debit?.heldCredits ?? 0n,
    creditHeldDebits: credit?.heldDebits ?? 0n,
    creditHeldCredits: credit?.heldCredits ?? 0n,
  };
}

/** Moves an amount between two accounts of this book and gives the entries. */
export function move(debit: Account, credit: Account, amount: bigint): Entries {
  debit.debits += amount;
  debit.version += 1;
  credit.credits += amount;
  credit.version += 1;
  return entriesOf(debit, credit);
}

/**
 * Reserves an amount, or frees it if it is negative, and gives the entries.
 * @param credit null: the payee is in another book
 */
export function reserve(debit: Account, credit: Account | null, amount: bigint): Entries {
  debit.heldDebits += amount;
  debit.version += 1;
  if (credit !== null) {
    credit.heldCredits += amount;
    credit.version += 1;
  }
  return entriesOf(debit, credit);
}
