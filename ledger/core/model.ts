import { type OpenAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { type CreateTransferRequest } from '../../proto/gen/meridian/v1/transfer.ts';
import { TOTAL_MAX } from './limits.ts';

/**
 * The reference model: what a whole installation of books must do, said as plainly as possible.
 * It shares no code with post.ts, keeps no balances (each is folded from all entries whenever it
 * is asked for) and knows no batches: everything happens one after the other. It is slow, and
 * only tests use it.
 */

export interface ModelBook {
  readonly number: number;
  readonly name: string;
  readonly accounts: ModelAccount[];
  readonly entries: ModelEntry[];
  /** Every transfer that this book decided as its payer's. */
  readonly transfers: ModelTransfer[];
  /** Number of journal rows so far. */
  rows: number;
}

export interface ModelAccount {
  readonly id: bigint;
  readonly externalId: string;
  readonly asset: string;
  /** Null: no limit. */
  readonly min: bigint | null;
  readonly max: bigint | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly transit: boolean;
  /** Row that opened it. */
  readonly seq: number;
}

export interface ModelEntry {
  readonly account: bigint;
  readonly side: 'debit' | 'credit';
  readonly amount: bigint;
}

export interface ModelTransfer {
  readonly request: CreateTransferRequest;
  readonly reason: Reason;
  /** Row that decided it. */
  readonly seq: number;
  /** Null: not across books, or rejected. */
  readonly leg: ModelLeg | null;
}

/** The part of a transfer that travels to the payee's book. */
export interface ModelLeg {
  readonly to: number;
  /** From 1, without gaps, for each pair of books. */
  readonly number: number;
  readonly asset: string;
  /** What the payee's book said; undefined: it has not been asked yet. UNSPECIFIED: applied. */
  verdict: Reason | undefined;
  /** True: the payer's book has taken note of the verdict. */
  closed: boolean;
}

/** What became of a request to transfer. */
export interface ModelAnswer {
  readonly reason: Reason;
  /** Set if the key was used before for something else. */
  readonly differingField: string;
  /** True: the key has this outcome since an earlier request. */
  readonly replayed: boolean;
  readonly transfer: ModelTransfer;
}

/** What became of a request to open an account. */
export interface ModelOpening {
  /** Undefined: refused. */
  readonly account: ModelAccount | undefined;
  readonly differingField: string;
  readonly replayed: boolean;
}

/** Why the far book refused a leg. */
export interface ModelRefusal {
  readonly number: number;
  readonly reason: Reason;
}

export class Model {
  readonly books: readonly ModelBook[];

  constructor(books: readonly { readonly number: number; readonly name: string }[]) {
    this.books = books.map(({ number, name }) => ({
      number,
      name,
      accounts: [],
      entries: [],
      transfers: [],
      rows: 0,
    }));
  }

  book(number: number): ModelBook {
    const book = this.books.find((candidate) => candidate.number === number);
    if (book === undefined) throw new Error(`the model has no book ${number}`);
    return book;
  }

  account(id: bigint): ModelAccount | undefined {
    return this.books.flatMap(({ accounts }) => accounts).find((account) => account.id === id);
  }

  debits(id: bigint): bigint {
    return this.#total(id, 'debit');
  }

  credits(id: bigint): bigint {
    return this.#total(id, 'credit');
  }

  balance(id: bigint): bigint {
    return this.credits(id) - this.debits(id);
  }

  version(id: bigint): number {
    return this.#entriesOf(id).length;
  }

  /** Opens an account, or answers the one that has its external id. */
  open(bookNumber: number, request: OpenAccountRequest): ModelOpening {
    const book = this.book(bookNumber);
    const { externalId, asset, metadata } = request;
    const min =
      request.min === undefined
        ? 0n
        : request.min.$case === 'minBalance'
          ? request.min.value
          : null;
    const max = request.max?.$case === 'maxBalance' ? request.max.value : null;
    const known = book.accounts.find((account) => account.externalId === externalId);
    if (known === undefined) {
      const account = addAccount(book, { externalId, asset, min, max, metadata, transit: false });
      return { account, differingField: '', replayed: false };
    }
    const differingField =
      known.asset !== asset
        ? 'asset'
        : known.min !== min
          ? 'min_balance'
          : known.max !== max
            ? 'max_balance'
            : sameText(known.metadata, metadata)
              ? ''
              : 'metadata';
    return differingField === ''
      ? { account: known, differingField, replayed: true }
      : { account: undefined, differingField, replayed: false };
  }

  /** Decides a transfer in the book of its payer, or answers what its key decided before. */
  transfer(request: CreateTransferRequest): ModelAnswer {
    const book = this.book(bookNumberOf(request.debitAccountId));
    const earlier = book.transfers.find((transfer) => sameKey(transfer.request, request));
    if (earlier !== undefined) {
      const differingField = firstDifference(earlier.request, request);
      return differingField === ''
        ? { reason: earlier.reason, differingField, replayed: true, transfer: earlier }
        : {
            reason: Reason.IDEMPOTENCY_KEY_REUSED,
            differingField,
            replayed: false,
            transfer: earlier,
          };
    }
    const payeeBook = bookNumberOf(request.creditAccountId);
    const transfer =
      payeeBook === book.number || this.books.every(({ number }) => number !== payeeBook)
        ? this.#transferWithin(book, request)
        : this.#transferAway(book, payeeBook, request);
    book.transfers.push(transfer);
    return { reason: transfer.reason, differingField: '', replayed: false, transfer };
  }

  /** The legs from one book to another, in the order of their numbers. */
  legs(from: number, to: number): (ModelTransfer & { readonly leg: ModelLeg })[] {
    const sent = this.book(from).transfers.filter(hasLeg);
    return sent.filter(({ leg }) => leg.to === to);
  }

  /**
   * Delivers legs `first` to `last` to the payee's book. Those it has seen change nothing; a
   * first one beyond the next expected changes nothing at all.
   */
  deliver(from: number, to: number, first: number, last: number): void {
    const legs = this.legs(from, to);
    if (first > this.appliedThrough(from, to) + 1) return;
    for (const transfer of legs) {
      const { leg } = transfer;
      if (leg.number < first || leg.number > last || leg.verdict !== undefined) continue;
      leg.verdict = this.#receive(from, transfer);
    }
  }

  /** Number of the last leg that the payee's book has answered. */
  appliedThrough(from: number, to: number): number {
    return this.legs(from, to).filter(({ leg }) => leg.verdict !== undefined).length;
  }

  /** The payee's refusals with numbers in a range, both ends included. */
  refusals(from: number, to: number, first: number, last: number): ModelRefusal[] {
    return this.legs(from, to).flatMap(({ leg: { number, verdict } }) =>
      verdict === undefined || verdict === Reason.UNSPECIFIED || number < first || number > last
        ? []
        : [{ number, reason: verdict }],
    );
  }

  /** The payer's book hears of every verdict up to a number, and returns what was refused. */
  close(from: number, to: number, through: number): void {
    const book = this.book(from);
    for (const { request, leg } of this.legs(from, to)) {
      if (leg.number > through || leg.closed) continue;
      leg.closed = true;
      if (leg.verdict === undefined) throw new Error(`leg ${leg.number} was never answered`);
      if (leg.verdict === Reason.UNSPECIFIED) continue;
      const transit = this.#transit(book, from, to, leg.asset);
      addEntries(book, transit.id, request.debitAccountId, request.amount);
      book.rows += 1;
    }
  }

  /** Number of the last leg that the payer's book has closed. */
  settledThrough(from: number, to: number): number {
    return this.legs(from, to).filter(({ leg }) => leg.closed).length;
  }

  #transferWithin(book: ModelBook, request: CreateTransferRequest): ModelTransfer {
    const { debitAccountId, creditAccountId, amount } = request;
    const debit = usable(book, debitAccountId);
    const credit = usable(book, creditAccountId);
    const reason = firstReason([
      ...this.#debitReasons(debit, request),
      ...this.#creditReasons(credit, amount),
      [Reason.ASSET_MISMATCH, debit?.asset !== credit?.asset],
    ]);
    if (reason === Reason.UNSPECIFIED) addEntries(book, debitAccountId, creditAccountId, amount);
    book.rows += 1;
    return { request, reason, seq: book.rows, leg: null };
  }

  #transferAway(book: ModelBook, to: number, request: CreateTransferRequest): ModelTransfer {
    const { debitAccountId, amount } = request;
    const debit = usable(book, debitAccountId);
    let reason = firstReason(this.#debitReasons(debit, request));
    let leg: ModelLeg | null = null;
    if (debit !== undefined && reason === Reason.UNSPECIFIED) {
      const { asset } = debit;
      const transit = this.#transit(book, book.number, to, asset);
      if (this.credits(transit.id) + amount > TOTAL_MAX) {
        reason = Reason.OVERFLOW;
      } else {
        addEntries(book, debitAccountId, transit.id, amount);
        const number = this.legs(book.number, to).length + 1;
        leg = { to, number, asset, verdict: undefined, closed: false };
      }
    }
    book.rows += 1;
    return { request, reason, seq: book.rows, leg };
  }

  /** The payee's book applies a leg or says why not. */
  #receive(from: number, { request, leg }: ModelTransfer & { readonly leg: ModelLeg }): Reason {
    const book = this.book(leg.to);
    const { creditAccountId, amount } = request;
    const transit = this.#transit(book, from, leg.to, leg.asset);
    const credit = usable(book, creditAccountId);
    const reason = firstReason([
      ...this.#creditReasons(credit, amount),
      [Reason.ASSET_MISMATCH, credit?.asset !== leg.asset],
      [Reason.OVERFLOW, this.debits(transit.id) + amount > TOTAL_MAX],
    ]);
    if (reason === Reason.UNSPECIFIED) addEntries(book, transit.id, creditAccountId, amount);
    book.rows += 1;
    return reason;
  }

  #debitReasons(
    debit: ModelAccount | undefined,
    { asset, amount }: CreateTransferRequest,
  ): AppliesTo[] {
    if (debit === undefined) return [[Reason.DEBIT_ACCOUNT_NOT_FOUND, true]];
    const { id, min } = debit;
    return [
      [Reason.ASSET_MISMATCH, asset !== '' && asset !== debit.asset],
      [Reason.OVERFLOW, this.debits(id) + amount > TOTAL_MAX],
      [Reason.INSUFFICIENT_FUNDS, min !== null && this.balance(id) - amount < min],
    ];
  }

  #creditReasons(credit: ModelAccount | undefined, amount: bigint): AppliesTo[] {
    if (credit === undefined) return [[Reason.CREDIT_ACCOUNT_NOT_FOUND, true]];
    const { id, max } = credit;
    return [
      [Reason.OVERFLOW, this.credits(id) + amount > TOTAL_MAX],
      [Reason.MAX_BALANCE_EXCEEDED, max !== null && this.balance(id) + amount > max],
    ];
  }

  /** Both books have a transit account for each direction and asset, opened when first needed. */
  #transit(book: ModelBook, from: number, to: number, asset: string): ModelAccount {
    const externalId = `transit:${this.book(from).name}>${this.book(to).name}:${asset}`;
    const known = book.accounts.find((account) => account.externalId === externalId);
    if (known !== undefined) return known;
    const none = { min: null, max: null, metadata: {} };
    return addAccount(book, { externalId, asset, transit: true, ...none });
  }

  #entriesOf(id: bigint): ModelEntry[] {
    const { entries } = this.book(bookNumberOf(id));
    return entries.filter(({ account }) => account === id);
  }

  #total(id: bigint, wanted: ModelEntry['side']): bigint {
    const entries = this.#entriesOf(id).filter(({ side }) => side === wanted);
    return entries.reduce((sum, { amount }) => sum + amount, 0n);
  }
}

type AppliesTo = readonly [Reason, boolean];

/** Of the reasons that apply, the one that stands first in the proto. */
function firstReason(reasons: readonly AppliesTo[]): Reason {
  const applying = reasons.filter(([, applies]) => applies).map(([reason]) => reason);
  return applying.toSorted((a, b) => a - b)[0] ?? Reason.UNSPECIFIED;
}

const bookNumberOf = (id: bigint) => Number(id / 2n ** 48n);

const hasLeg = (transfer: ModelTransfer): transfer is ModelTransfer & { readonly leg: ModelLeg } =>
  transfer.leg !== null;

/** An account that a caller may name. */
function usable(book: ModelBook, id: bigint): ModelAccount | undefined {
  return book.accounts.find((account) => account.id === id && !account.transit);
}

function addAccount(book: ModelBook, fields: Omit<ModelAccount, 'id' | 'seq'>): ModelAccount {
  book.rows += 1;
  const id = BigInt(book.number) * 2n ** 48n + BigInt(book.accounts.length + 1);
  const account = { ...fields, id, seq: book.rows };
  book.accounts.push(account);
  return account;
}

function addEntries(book: ModelBook, debit: bigint, credit: bigint, amount: bigint): void {
  book.entries.push({ account: debit, side: 'debit', amount });
  book.entries.push({ account: credit, side: 'credit', amount });
}

function sameKey(a: CreateTransferRequest, b: CreateTransferRequest): boolean {
  return a.namespace === b.namespace && a.idempotencyKey === b.idempotencyKey;
}

/** The first field, in the order of the proto, that makes it another transfer; '' if none. */
function firstDifference(a: CreateTransferRequest, b: CreateTransferRequest): string {
  const fields: [string, boolean][] = [
    ['debit_account_id', a.debitAccountId === b.debitAccountId],
    ['credit_account_id', a.creditAccountId === b.creditAccountId],
    ['amount', a.amount === b.amount],
    ['asset', a.asset === b.asset],
    ['code', a.code === b.code],
    ['reference', a.reference === b.reference],
    ['metadata', sameText(a.metadata, b.metadata)],
  ];
  return fields.find(([, same]) => !same)?.[0] ?? '';
}

function sameText(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): boolean {
  return sortedText(a) === sortedText(b);
}

function sortedText(of: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(of).toSorted(([x], [y]) => (x < y ? -1 : 1)));
}
