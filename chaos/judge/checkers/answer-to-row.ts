import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import { amountIsOpen } from '../../../ledger/core/validate/options.ts';
import { settlementId } from '../../../ledger/core/transfer-id.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { reasonWord } from '../history/replies.ts';
import type { LegReply, LookUpRead, TransferReply } from '../history/operation.ts';
import type { FinalBook } from './final-book.ts';

/** The book that decides a transfer, and the books where its other end may be. */
export interface DecidingBooks {
  readonly book: FinalBook;
  /** By number; without books that were not read. */
  readonly books: ReadonlyMap<number, FinalBook>;
}

type Found = NonNullable<LookUpRead['found']>;

/**
 * Compares an answer to a request with the row that decided it. Returns what is wrong; '' if
 * nothing is. The answer may be as old as the row or as new as the end of the run: a transfer in
 * transit is posted or returned later. A hold is answered as it was made, whatever has become of
 * it. The place and time of the decision are not checked.
 */
export function wrongInAnswer(
  answer: TransferReply,
  request: CreateTransferRequest,
  row: JournalRow,
  place: DecidingBooks,
): string {
  const wrong =
    wrongInStatus(answer, row, outcomesOfAnswer(row, place)) ||
    wrongInLegs(answer.legs, row, place, outcomesOfAnswer);
  if (wrong !== '') return wrong;
  const amount = row.reason === 0 && amountIsOpen(request) ? String(row.amount ?? 0n) : '0';
  if (answer.actualAmount !== amount) {
    return `the answer has the actual amount ${answer.actualAmount}, the row has ${amount}`;
  }
  const expires = row.details?.expiresAtMicros ?? null;
  if (answer.expiresAtMicros === expires) return '';
  return `the answer expires at ${answer.expiresAtMicros}, the row at ${expires}`;
}

/**
 * Like `wrongInAnswer`, for the result of a look-up, which shows what has become of a hold, and the
 * amount that every transfer moved.
 */
export function wrongInLookUp(found: Found, row: JournalRow, place: DecidingBooks): string {
  const wrong =
    wrongInStatus(found, row, outcomesOfLookUp(row, place)) ||
    wrongInLegs(found.legs, row, place, outcomesOfLookUp);
  if (wrong !== '') return wrong;
  const isMoved = row.reason === 0 && row.kind !== RowKind.group;
  const amount = isMoved ? String(row.amount ?? 0n) : '0';
  if (found.actualAmount === amount) return '';
  return `the answer has the actual amount ${found.actualAmount}, the row has ${amount}`;
}

/** A status, and its reason. */
type Outcome = readonly [status: string, reason: string];

function wrongInStatus(
  { transferId, status, reason }: LegReply,
  row: JournalRow,
  allowed: Outcome[],
) {
  if (transferId !== row.id) return `the answer names transfer ${transferId}, the row is ${row.id}`;
  if (allowed.some(([one, why]) => one === status && why === reason)) return '';
  const can = allowed.map((outcome) => textOf(outcome)).join(' or ');
  return `the answer is ${textOf([status, reason])}, it can only be ${can}`;
}

function textOf([status, reason]: Outcome): string {
  return reason === '' ? status : `${status} (${reason})`;
}

function wrongInLegs(
  legs: readonly LegReply[],
  row: JournalRow,
  place: DecidingBooks,
  outcomesOf: (leg: JournalRow, place: DecidingBooks) => Outcome[],
): string {
  const rows = row.kind === RowKind.group ? (place.book.legs.get(row.id) ?? []) : [];
  if (legs.length !== rows.length)
    return `the answer has ${legs.length} legs, the row has ${rows.length}`;
  for (const [index, leg] of rows.entries()) {
    const answered = legs[index];
    const wrong =
      answered === undefined ? '' : wrongInStatus(answered, leg, outcomesOf(leg, place));
    if (wrong !== '') return `of leg ${index} ${wrong}`;
  }
  return '';
}

function outcomesOfAnswer(row: JournalRow, place: DecidingBooks): Outcome[] {
  const { kind, reason, peer } = row;
  if (reason !== 0) return [['REJECTED', reasonWord(reason)]];
  if (kind === RowKind.hold) return [['HELD', '']];
  if (kind === RowKind.release) return [['RELEASED', '']];
  return peer === null || peer.number === null ? [['POSTED', '']] : outcomesInTransit(row, place);
}

function outcomesOfLookUp(row: JournalRow, place: DecidingBooks): Outcome[] {
  const outcomes = outcomesOfAnswer(row, place);
  if (row.kind !== RowKind.hold || row.reason !== 0) return outcomes;
  const ends = endsOf(place.book).holds.get(row.id) ?? [];
  return [...outcomes, ...ends.map((kind): Outcome => [ENDED[kind] ?? '', ''])];
}

/** Status of a hold once nothing is left of it, by the kind of row that took the last. */
const ENDED: Readonly<Record<number, string>> = {
  [RowKind.capture]: 'CAPTURED',
  [RowKind.release]: 'RELEASED',
  [RowKind.expiry]: 'EXPIRED',
  [RowKind.return]: 'EXPIRED',
  [RowKind.rest]: 'CAPTURED',
};

/**
 * Outcomes of a transfer to another book: that book decides whether it is posted, the return
 * whether it is returned.
 */
function outcomesInTransit(row: JournalRow, { book, books }: DecidingBooks): Outcome[] {
  const outcomes: Outcome[] = [['IN_TRANSIT', '']];
  const returned = endsOf(book).returns.get(row.id);
  if (returned !== undefined) outcomes.push(['RETURNED', reasonWord(returned.reason)]);
  const payee = books.get(row.peer?.book ?? 0);
  const second = payee?.byId.get(settlementId(book.number, row.id));
  // It is unknown what a book that was not read has applied.
  const isPosted = payee === undefined ? returned === undefined : second?.reason === 0;
  if (isPosted) outcomes.push(['POSTED', '']);
  return outcomes;
}

/** The ends of the holds of a book, and of its transfers to other books. */
interface Ends {
  /** Kinds of the rows that used up a hold, by its id: captures may be returned. */
  readonly holds: ReadonlyMap<string, readonly RowKind[]>;
  /** Returns, by the transfer that was returned. */
  readonly returns: ReadonlyMap<string, JournalRow>;
}

const known = new WeakMap<FinalBook, Ends>();

function endsOf(book: FinalBook): Ends {
  const ends = known.get(book) ?? findEnds(book.rows);
  known.set(book, ends);
  return ends;
}

function findEnds(rows: readonly JournalRow[]): Ends {
  const holds = new Map<string, RowKind[]>();
  const returns = new Map<string, JournalRow>();
  for (const row of rows) {
    const drawn = row.details?.drawn ?? null;
    if (drawn?.left === 0n && row.kind in ENDED) {
      holds.set(drawn.id, [...(holds.get(drawn.id) ?? []), row.kind]);
    }
    if (row.kind === RowKind.return) returns.set(row.originId ?? '', row);
  }
  return { holds, returns };
}
