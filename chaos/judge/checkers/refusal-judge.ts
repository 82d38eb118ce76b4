import { AccountFlag } from '../../../ledger/core/account.ts';
import { bookOf } from '../../../ledger/core/account-id.ts';
import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { reasonWord } from '../history/replies.ts';
import type { AccountRead } from '../history/operation.ts';
import type { FinalBook } from './final-book.ts';
import { atOrBefore } from './sorted.ts';

const { closed, frozenIn, frozenOut } = AccountFlag;

const HOLD_REASONS: ReadonlySet<Reason> = new Set([
  Reason.HOLD_NOT_FOUND,
  Reason.HOLD_CAPTURED,
  Reason.HOLD_RELEASED,
  Reason.HOLD_EXPIRED,
  Reason.HOLD_EXCEEDED,
]);

/**
 * Decides whether the reason of a refused row was true. Written independently from the documented
 * API, without the ledger's own code. Reasons that depend on more than accounts and holds
 * (conditions, scales, totals beyond 2^62) are accepted as they are.
 */
export class RefusalJudge {
  readonly #book: FinalBook;
  readonly #books: ReadonlySet<number>;
  /** Rows that draw on a hold or a transfer, by its id, in order. */
  readonly #draws = new Map<string, JournalRow[]>();

  /** @param books numbers of all books */
  constructor(book: FinalBook, books: ReadonlySet<number>) {
    this.#book = book;
    this.#books = books;
    for (const row of book.rows) {
      const drawn = row.details?.drawn ?? null;
      if (drawn === null || drawn.left === null) continue;
      const rows = this.#draws.get(drawn.id) ?? [];
      this.#draws.set(drawn.id, rows);
      rows.push(row);
    }
  }

  /** Returns why the reason of a refused row cannot be true; '' if it can. */
  problemOf(row: JournalRow): string {
    const problem = this.#problem(row);
    return problem === '' ? '' : `was refused with ${reasonWord(row.reason)}, but ${problem}`;
  }

  #problem(row: JournalRow): string {
    const { reason, debitAccount: payer, creditAccount: payee } = row;
    if (HOLD_REASONS.has(reason)) return this.#hold(row);
    if (reason === Reason.DEBIT_ACCOUNT_NOT_FOUND) {
      return this.#isThere(payer, row) ? 'the payer was there' : '';
    }
    if (reason === Reason.CREDIT_ACCOUNT_NOT_FOUND) {
      return this.#payeeIsThere(row) ? 'the payee was there' : '';
    }
    if (reason === Reason.DEBIT_ACCOUNT_CLOSED) return this.#isMarked(payer, row, closed);
    if (reason === Reason.CREDIT_ACCOUNT_CLOSED) return this.#isMarked(payee, row, closed);
    if (reason === Reason.DEBIT_ACCOUNT_FROZEN) return this.#isMarked(payer, row, frozenOut);
    if (reason === Reason.CREDIT_ACCOUNT_FROZEN) return this.#isMarked(payee, row, frozenIn);
    if (reason === Reason.INSUFFICIENT_FUNDS) return this.#funds(row);
    return reason === Reason.MAX_BALANCE_EXCEEDED ? this.#room(row) : '';
  }

  #isThere(id: bigint | null, { seq }: JournalRow): boolean {
    const account = this.#book.scan.accounts.get(id ?? 0n);
    return account !== undefined && !account.transit && account.openedSeq < seq;
  }

  /** A payee elsewhere is judged by its own book; only one without a book is refused here. */
  #payeeIsThere(row: JournalRow): boolean {
    const payee = row.creditAccount ?? row.peer?.account ?? 0n;
    if (bookOf(payee) === this.#book.number) return this.#isThere(payee, row);
    return this.#books.has(bookOf(payee));
  }

  #isMarked(id: bigint | null, { seq }: JournalRow, flag: number): string {
    const flags = this.#book.flagsAt(id ?? 0n, seq - 1);
    return (flags & flag) === 0 ? `account ${id} had nothing of the kind` : '';
  }

  #funds(row: JournalRow): string {
    const { debitAccount: id, amount, seq } = row;
    const state = this.#before(id, row);
    if (id === null || amount === null || state === undefined) return '';
    const min = this.#book.limitsAt(id, seq - 1)?.min ?? null;
    if (min === null) return `account ${id} has no lower limit`;
    const available = BigInt(state.credits) - BigInt(state.debits) - BigInt(state.heldDebits);
    return available - amount >= min ? `account ${id} had ${available}, asked was ${amount}` : '';
  }

  #room(row: JournalRow): string {
    const { creditAccount: id, amount, seq } = row;
    const state = this.#before(id, row);
    if (id === null || amount === null || state === undefined) return '';
    const max = this.#book.limitsAt(id, seq - 1)?.max ?? null;
    if (max === null) return `account ${id} has no upper limit`;
    const expected = BigInt(state.credits) - BigInt(state.debits) + BigInt(state.heldCredits);
    return expected + amount <= max ? `account ${id} had ${expected}, asked was ${amount}` : '';
  }

  /**
   * State of an account before a row. A leg sees the effects of the legs before it, though a failed
   * group leaves none of them in the journal. Undefined: unknown.
   */
  #before(id: bigint | null, row: JournalRow): AccountRead | undefined {
    const groupId = row.details?.groupId ?? null;
    if (id === null) return undefined;
    if (groupId === null) return this.#book.stateAt(id, row.seq - 1);
    const header = this.#book.byId.get(groupId);
    const state = this.#book.stateAt(id, (header ?? row).seq - 1);
    if (state === undefined) return undefined;
    let { debits, credits } = state;
    for (const leg of this.#book.legs.get(groupId) ?? []) {
      if (leg.seq >= row.seq) break;
      // The effect of a hold, or of drawing on one, is not in a row that failed.
      if (leg.kind !== RowKind.transfer || leg.amount === null || leg.details?.options !== '') {
        return undefined;
      }
      if (leg.debitAccount === id) debits = String(BigInt(debits) + leg.amount);
      if (leg.creditAccount === id) credits = String(BigInt(credits) + leg.amount);
    }
    return { ...state, debits, credits };
  }

  #hold(row: JournalRow): string {
    // Within a group an earlier leg may have made the hold or drawn on it.
    if ((row.details?.groupId ?? null) !== null) return '';
    const id = /"hold_id":"([^"]*)"/u.exec(row.details?.options ?? '')?.[1] ?? '';
    const hold = this.#book.byId.get(id);
    const isHold = hold?.kind === RowKind.hold && hold.reason === 0 && hold.seq < row.seq;
    if (!isHold || hold === undefined) {
      return row.reason === Reason.HOLD_NOT_FOUND ? '' : `there is no hold ${id}`;
    }
    if (row.reason === Reason.HOLD_NOT_FOUND) return `hold ${id} is at seq ${hold.seq}`;
    const draws = this.#draws.get(id) ?? [];
    const last = draws[atOrBefore(draws, row.seq - 1, ({ seq }) => seq)];
    const left = last?.details?.drawn?.left ?? hold.amount ?? 0n;
    if (row.reason === Reason.HOLD_CAPTURED) {
      const closes = draws.some((draw) => draw.seq < row.seq && isFinalAway(draw));
      return closes ? '' : endedBy(left, last, RowKind.capture);
    }
    if (row.reason === Reason.HOLD_RELEASED) return endedBy(left, last, RowKind.release);
    if (row.reason === Reason.HOLD_EXCEEDED) {
      return (row.amount ?? 0n) <= left ? `${left} was left of hold ${id}` : '';
    }
    if (left === 0n && last?.kind !== RowKind.return) return endedBy(left, last, RowKind.expiry);
    const expiresAt = hold.details?.expiresAtMicros ?? Infinity;
    return row.atMicros >= expiresAt ? '' : `${left} was left of hold ${id}`;
  }
}

/** Nothing else can be drawn until the payee's book has answered, and possibly never. */
function isFinalAway({ kind, peer, details }: JournalRow): boolean {
  const final = details?.options.includes('"final":true') ?? false;
  return kind === RowKind.capture && peer !== null && final;
}

function endedBy(left: bigint, last: JournalRow | undefined, kind: RowKind): string {
  if (left !== 0n) return `${left} was left of it`;
  return last?.kind === kind ? '' : `row ${last?.seq} had ended it`;
}
