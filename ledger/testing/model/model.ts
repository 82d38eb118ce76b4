import type {
  ChangeAccountRequest,
  OpenAccountRequest,
} from '../../../proto/gen/meridian/v1/account.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { TOTAL_MAX } from '../../core/limits.ts';
import { derivedId, transferIdOf } from '../../core/transfer-id.ts';
import { changeReason } from './change-reason.ts';
import {
  differingChange,
  differingOpening,
  differingTransfer,
  type OpenedWith,
} from './differing-field.ts';
import { accountNow, type AccountNow, assetParts, holdNow, isOverdue, scaleNow } from './fold.ts';
import { creditChecks, creditLifeChecks, judge, type ModelVerdict } from './judge-transfer.ts';
import { firstReason } from './precedence.ts';
import { type NotOwned, placeName, type JoinedBooks } from './model-placement.ts';
import {
  bookNumberOf,
  isTravelling,
  type ModelAccount,
  type ModelBook,
  type ModelChange,
  type ModelRequest,
  type ModelTotals,
  type ModelTransfer,
  type ModelTravel,
  type Travelling,
  usable,
} from './model-state.ts';

/** The outcome of a request to transfer. */
export interface ModelAnswer {
  readonly reason: Reason;
  /** Set if the key was used before for something else. */
  readonly differingField: string;
  /** True: the key has this outcome since an earlier request. */
  readonly replayed: boolean;
  /** What the key stands for; undefined if that is a change. */
  readonly transfer: ModelTransfer | undefined;
}

/** The outcome of a request to change an account. */
export interface ModelChangeAnswer {
  readonly reason: Reason;
  readonly differingField: string;
  readonly replayed: boolean;
  /** What the key stands for; undefined if that is a transfer. */
  readonly change: ModelChange | undefined;
}

/** The outcome of a request to open an account. */
export interface ModelOpening {
  /** Undefined: refused. */
  readonly account: ModelAccount | undefined;
  readonly reason: Reason;
  readonly differingField: string;
  readonly replayed: boolean;
  /** Set if another book owns the name. */
  readonly notOwned?: NotOwned;
}

/** The outcome of a request to register an asset. */
export interface ModelRegistration {
  /** As it is registered now. */
  readonly scale: number;
  /** True: by this request. */
  readonly registered: boolean;
}

/** Why the far book refused a leg. */
export interface ModelRefusal {
  readonly number: number;
  readonly reason: Reason;
}

/**
 * The reference model: what a whole installation of books must do, written as plainly as possible.
 * It shares no code with post(), keeps no totals (each is folded from lists whenever it is asked
 * for) and knows no batches: everything happens one after the other. It is slow, and only tests
 * use it.
 */
export class Model {
  readonly books: readonly ModelBook[];

  constructor(books: readonly { readonly number: number; readonly name: string }[]) {
    this.books = books.map(({ number, name }) => ({
      number,
      name,
      books: books.map((each) => each.number),
      now: 0,
      rows: 0,
      accounts: [],
      versions: [],
      transfers: [],
      received: [],
      changes: [],
      expired: [],
      assets: [],
      region: [],
    }));
  }

  book(number: number): ModelBook {
    const book = this.books.find((candidate) => candidate.number === number);
    if (book === undefined) throw new Error(`the model has no book ${number}`);
    return book;
  }

  /** Opens an account, or answers the one that has its external id. */
  open(bookNumber: number, request: OpenAccountRequest, sent: JoinedBooks = []): ModelOpening {
    const book = this.book(bookNumber);
    const { externalId, metadata } = request;
    const { code: asset, scale } = assetParts(request.asset);
    const unlimited = request.min?.$case === 'noMinBalance' && request.min.value;
    const min = request.min?.$case === 'minBalance' ? request.min.value : unlimited ? null : 0n;
    const max = request.max?.$case === 'maxBalance' ? request.max.value : null;
    const known = book.accounts.find((account) => account.externalId === externalId);
    const notOwned = known === undefined ? placeName(book, externalId, sent) : undefined;
    const refused = { account: undefined, differingField: '', replayed: false };
    if (notOwned !== undefined) return { ...refused, reason: Reason.UNSPECIFIED, notOwned };
    const differingField = known && differingOpening(known, { asset, min, max, metadata });
    const existing = scaleNow(book, asset);
    const reason = firstReason([
      [Reason.IDEMPOTENCY_KEY_REUSED, known !== undefined && differingField !== ''],
      [Reason.SCALE_MISMATCH, ![undefined, scale].includes(existing) && scale !== undefined],
      [Reason.ASSET_NOT_REGISTERED, existing === undefined],
    ]);
    if (reason !== Reason.UNSPECIFIED) {
      return { ...refused, reason, differingField: differingField ?? '' };
    }
    const account = known ?? addAccount(book, externalId, asset, { min, max, metadata });
    return { account, reason, differingField: '', replayed: known !== undefined };
  }

  /** Registers an asset in one book, or answers what it is registered as. */
  register(bookNumber: number, asset: string, scale: number): ModelRegistration {
    const book = this.book(bookNumber);
    const known = scaleNow(book, asset);
    if (known !== undefined) return { scale: known, registered: false };
    book.assets.push({ asset, scale });
    book.rows += 1;
    return { scale, registered: true };
  }

  /** Decides a transfer in the book of its payer, or answers what its key decided before. */
  transfer(request: CreateTransferRequest): ModelAnswer {
    const { action, namespace, idempotencyKey } = request;
    const payer =
      action?.$case === 'group' ? action.value.legs[0]?.debitAccountId : request.debitAccountId;
    const book = this.book(bookNumberOf(payer ?? 0n));
    const id = transferIdOf(namespace, idempotencyKey);
    const earlier = book.transfers.find((transfer) => transfer.id === id);
    if (earlier !== undefined) {
      const differingField = differingTransfer(earlier.request, request);
      return { ...answerAgain(earlier.reason, differingField), transfer: earlier };
    }
    if (book.changes.some((change) => change.id === id)) {
      return { ...answerAgain(Reason.UNSPECIFIED, 'kind'), transfer: undefined };
    }
    const transfer =
      action?.$case === 'group'
        ? this.#group(book, id, request, action.value.legs)
        : this.#single(book, id, request);
    return { reason: transfer.reason, differingField: '', replayed: false, transfer };
  }

  /** Changes an account, or answers what the key decided before. */
  change(request: ChangeAccountRequest): ModelChangeAnswer {
    const book = this.book(bookNumberOf(request.accountId));
    const id = transferIdOf(request.namespace, request.idempotencyKey);
    const earlier = book.changes.find((change) => change.id === id);
    if (earlier !== undefined) {
      const differingField = differingChange(earlier.request, request);
      return { ...answerAgain(earlier.reason, differingField), change: earlier };
    }
    if (book.transfers.some((transfer) => transfer.id === id)) {
      return { ...answerAgain(Reason.UNSPECIFIED, 'kind'), change: undefined };
    }
    const reason = changeReason(book, request);
    if (reason === Reason.UNSPECIFIED) addVersion(book, request.accountId, {});
    book.rows += 1;
    const change = { id, request, reason, seq: book.rows };
    book.changes.push(change);
    return { reason, differingField: '', replayed: false, change };
  }

  /** Expires those of these holds that are open and whose time is up; returns how many. */
  expire(bookNumber: number, ids: readonly string[]): number {
    const book = this.book(bookNumber);
    const overdue = book.transfers.filter(
      (hold) =>
        ids.includes(hold.id) &&
        hold.request.action?.$case === 'hold' &&
        hold.reason === Reason.UNSPECIFIED &&
        holdNow(book, hold).end === undefined &&
        isOverdue(book, hold),
    );
    for (const hold of overdue) {
      free(book, hold.payer, hold.payee, holdNow(book, hold).left);
      book.expired.push(hold.id);
      book.rows += 1;
    }
    return overdue.length;
  }

  /** The legs from one book to another, in the order of their numbers. */
  legs(from: number, to: number): Travelling[] {
    return this.book(from)
      .transfers.filter(isTravelling)
      .filter(({ travel }) => travel.to === to);
  }

  /**
   * Delivers legs `first` to `last` to the payee's book. Those it has seen change nothing; a
   * first one beyond the next expected changes nothing at all.
   */
  deliver(from: number, to: number, first: number, last: number): void {
    const legs = this.legs(from, to);
    if (first > this.appliedThrough(from, to) + 1) return;
    for (const transfer of legs) {
      const { travel } = transfer;
      if (travel.number < first || travel.number > last || travel.verdict !== undefined) continue;
      travel.verdict = this.#receive(from, transfer);
    }
  }

  /** Number of the last leg that the payee's book has answered. */
  appliedThrough(from: number, to: number): number {
    return this.legs(from, to).filter(({ travel }) => travel.verdict !== undefined).length;
  }

  /** The payee's refusals with numbers in a range, both ends included. */
  refusals(from: number, to: number, first: number, last: number): ModelRefusal[] {
    return this.legs(from, to).flatMap(({ travel: { number, verdict } }) =>
      verdict === undefined || verdict === Reason.UNSPECIFIED || number < first || number > last
        ? []
        : [{ number, reason: verdict }],
    );
  }

  /**
   * The payer's book learns every verdict up to a number: it returns what was refused, and then
   * frees what the final captures that were applied have left of their holds.
   */
  close(from: number, to: number, through: number): void {
    const book = this.book(from);
    const legs = this.legs(from, to);
    const open = legs.filter(({ travel }) => travel.number <= through && !travel.closed);
    for (const { travel } of open) {
      if (travel.verdict === undefined) throw new Error(`leg ${travel.number} was never answered`);
    }
    for (const leg of open) {
      if (leg.travel.verdict === Reason.UNSPECIFIED) continue;
      this.#return(book, leg);
      leg.travel.closed = true;
    }
    for (const leg of open) {
      const { action } = leg.request;
      if (!leg.travel.closed && action?.$case === 'capture' && action.value.final) {
        const hold = holdOf(book, action.value.holdId);
        const { left, end } = holdNow(book, hold);
        if (end === undefined) {
          free(book, hold.payer, hold.payee, left);
          book.rows += 1;
        }
      }
      leg.travel.closed = true;
    }
  }

  /** The payer has the amount back, reserved as it was if it came from a hold that goes on. */
  #return(book: ModelBook, { payer, amount, travel, request }: Travelling): void {
    const transit = this.#transit(book, book.number, travel.to, travel.asset);
    const { action } = request;
    if (action?.$case === 'capture') {
      const hold = holdOf(book, action.value.holdId);
      const { end } = holdNow(book, hold);
      const goesOn = end === undefined || end === 'captured';
      travel.gaveBack = goesOn && !isOverdue(book, hold);
      // Nothing was left that a sweep would find.
      if (end === 'captured' && isOverdue(book, hold)) book.expired.push(hold.id);
    }
    addVersion(book, transit.id, { debits: amount });
    addVersion(book, payer, { credits: amount, heldDebits: travel.gaveBack ? amount : 0n });
    book.rows += 1;
  }

  /** Number of the last leg that the payer's book has closed. */
  settledThrough(from: number, to: number): number {
    return this.legs(from, to).filter(({ travel }) => travel.closed).length;
  }

  #single(
    book: ModelBook,
    id: string,
    request: ModelRequest,
    asked = request.amount,
  ): ModelTransfer {
    let verdict = judge(book, request, asked);
    // Without an amount nothing happens to any account.
    if (verdict.reason === Reason.UNSPECIFIED && verdict.amount === 0n) {
      return addTransfer(book, id, request, verdict, null);
    }
    let travel: ModelTravel | null = null;
    const payeeBook = bookNumberOf(verdict.payee);
    const { $case } = request.action ?? {};
    const moves = $case !== 'hold' && $case !== 'release';
    const away = payeeBook !== book.number && moves;
    if (away && verdict.reason === Reason.UNSPECIFIED) {
      const asset = usable(book, verdict.payer)?.asset ?? '';
      const transit = accountNow(book, this.#transit(book, book.number, payeeBook, asset));
      if (transit.credits + verdict.amount > TOTAL_MAX) {
        verdict = { ...verdict, reason: Reason.OVERFLOW };
      } else {
        const number = this.legs(book.number, payeeBook).length + 1;
        travel = { to: payeeBook, number, asset, ...NOT_ANSWERED };
      }
    }
    if (verdict.reason === Reason.UNSPECIFIED) this.#apply(book, request, verdict);
    return addTransfer(book, id, request, verdict, travel);
  }

  #apply(book: ModelBook, { action }: ModelRequest, verdict: ModelVerdict): void {
    const { payer, payee, amount, freed } = verdict;
    const local = bookNumberOf(payee) === book.number;
    if (action?.$case === 'release') {
      free(book, payer, payee, amount);
      return;
    }
    if (action?.$case === 'hold') {
      free(book, payer, payee, -amount);
      return;
    }
    const drawn = action?.$case === 'capture' ? amount + freed : 0n;
    addVersion(book, payer, { debits: amount, heldDebits: -drawn });
    if (local) {
      addVersion(book, payee, { credits: amount, heldCredits: -drawn });
    } else {
      const asset = usable(book, payer)?.asset ?? '';
      const transit = this.#transit(book, book.number, bookNumberOf(payee), asset);
      addVersion(book, transit.id, { credits: amount });
    }
  }

  /** Applies the legs one after the other, and undoes them all if one of them breaks. */
  #group(
    book: ModelBook,
    id: string,
    request: ModelRequest,
    legs: readonly ModelRequest[],
  ): ModelTransfer {
    const header = { reason: Reason.UNSPECIFIED, payer: 0n, payee: 0n, amount: 0n, freed: 0n };
    const group = addTransfer(book, id, request, header, null);
    const { accounts, versions, transfers } = book;
    const lists = [accounts, versions, transfers];
    const lengths = lists.map((list) => list.length);
    const { rows } = book;
    const done: ModelTransfer[] = [];
    const legId = (place: number) => derivedId('leg', id, String(place));
    for (const [place, leg] of legs.entries()) {
      const asked = leg.rest ? leg.amount - movedBefore(legs, done) : leg.amount;
      const applied = this.#single(book, legId(place), leg, asked < 0n ? 0n : asked);
      done.push(applied);
      if (applied.reason !== Reason.UNSPECIFIED) break;
    }
    const reason = done.at(-1)?.reason ?? Reason.UNSPECIFIED;
    if (reason === Reason.UNSPECIFIED) return replaceLast(book, group, { ...group, legs: done });
    for (const [place, list] of lists.entries()) list.length = lengths[place] ?? 0;
    book.rows = rows;
    const failed = legs.map((leg, place) => {
      const broke = place === done.length - 1;
      const own = broke ? reason : Reason.GROUP_FAILED;
      const { debitAccountId: payer, creditAccountId: payee } = leg;
      return addTransfer(book, legId(place), leg, { ...header, payer, payee, reason: own }, null);
    });
    return replaceLast(book, group, { ...group, reason, legs: failed });
  }

  /** The payee's book applies a leg or refuses it with a reason. */
  #receive(from: number, transfer: Travelling): Reason {
    const { payee, amount, travel } = transfer;
    const book = this.book(travel.to);
    const transitAccount = this.#transit(book, from, travel.to, travel.asset);
    const transit = accountNow(book, transitAccount);
    const account = usable(book, payee);
    const credit: AccountNow | undefined = account && accountNow(book, account);
    const reason = firstReason([
      [Reason.CREDIT_ACCOUNT_NOT_FOUND, credit === undefined],
      [Reason.ASSET_MISMATCH, credit?.asset !== travel.asset],
      ...creditLifeChecks(credit),
      [Reason.OVERFLOW, transit.debits + amount > TOTAL_MAX],
      ...(credit === undefined ? [] : creditChecks(credit, amount)),
    ]);
    if (reason === Reason.UNSPECIFIED) {
      addVersion(book, transitAccount.id, { debits: amount });
      addVersion(book, payee, { credits: amount });
    }
    book.rows += 1;
    book.received.push({ from, transfer, reason });
    return reason;
  }

  /** Both books have a transit account for each direction and asset, opened when first needed. */
  #transit(book: ModelBook, from: number, to: number, asset: string): ModelAccount {
    const externalId = `transit:${this.book(from).name}>${this.book(to).name}:${asset}`;
    const known = book.accounts.find((account) => account.externalId === externalId);
    const none = { min: null, max: null, metadata: {} };
    return known ?? addAccount(book, externalId, asset, none, true);
  }
}

/** The answer to a key that is known. */
function answerAgain(reason: Reason, differingField: string) {
  return differingField === ''
    ? { reason, differingField, replayed: true }
    : { reason: Reason.IDEMPOTENCY_KEY_REUSED, differingField, replayed: false };
}

const NOT_ANSWERED = { verdict: undefined, closed: false, gaveBack: false };

function addAccount(
  book: ModelBook,
  externalId: string,
  asset: string,
  opened: OpenedWith,
  transit = false,
): ModelAccount {
  book.rows += 1;
  const id = BigInt(book.number) * 2n ** 48n + BigInt(book.accounts.length + 1);
  const life = { frozenIn: false, frozenOut: false, closed: false };
  const account = { id, externalId, asset, transit, ...opened, ...life, seq: book.rows };
  book.accounts.push(account);
  return account;
}

/** What the legs before a leg with `rest` moved or held, back to the first without. */
function movedBefore(legs: readonly ModelRequest[], done: readonly ModelTransfer[]): bigint {
  const first = legs.slice(0, done.length).findLastIndex(({ rest }) => rest !== true);
  return done.slice(first).reduce((sum, { amount }) => sum + amount, 0n);
}

function holdOf(book: ModelBook, id: string): ModelTransfer {
  const hold = book.transfers.find((transfer) => transfer.id === id);
  if (hold === undefined) throw new Error(`what was captured was no hold of book ${book.number}`);
  return hold;
}

const NOTHING: ModelTotals = { debits: 0n, credits: 0n, heldDebits: 0n, heldCredits: 0n };

function addVersion(book: ModelBook, account: bigint, delta: Partial<ModelTotals>): void {
  book.versions.push({ account, ...NOTHING, ...delta });
}

/** What is held of the payer, and for the payee if it is in this book, becomes less. */
function free(book: ModelBook, payer: bigint, payee: bigint, amount: bigint): void {
  addVersion(book, payer, { heldDebits: -amount });
  if (bookNumberOf(payee) === book.number) addVersion(book, payee, { heldCredits: -amount });
}

function addTransfer(
  book: ModelBook,
  id: string,
  request: ModelRequest,
  { reason, payer, payee, amount }: ModelVerdict,
  travel: ModelTravel | null,
): ModelTransfer {
  book.rows += 1;
  const applied = reason === Reason.UNSPECIFIED;
  const { action } = request;
  const isHeld = action?.$case === 'hold' && applied && amount > 0n;
  const seconds = isHeld ? action.value.timeoutSeconds : 0;
  const transfer = {
    id,
    request,
    reason,
    payer,
    payee,
    travel,
    legs: [],
    seq: book.rows,
    amount: applied ? amount : 0n,
    expiresAt: seconds === 0 ? null : book.now + seconds * 1_000_000,
  };
  book.transfers.push(transfer);
  return transfer;
}

/** Puts a group that is decided where its beginning was. */
function replaceLast(book: ModelBook, old: ModelTransfer, group: ModelTransfer): ModelTransfer {
  book.transfers[book.transfers.indexOf(old)] = group;
  return group;
}
