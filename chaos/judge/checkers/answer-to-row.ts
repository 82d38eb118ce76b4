import { type JournalRow, RowKind } from '../../../ledger/core/journal-row.ts';
import { amountIsOpen } from '../../../ledger/core/validate/options.ts';
import { settlementId } from '../../../ledger/core/transfer-id.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import { reasonWord } from '../history/replies.ts';
import type { LegAnswer, LookUpRead, TransferAnswer } from '../history/operation.ts';
import type { FinalBook } from './final-book.ts';

/** Where a transfer is decided, and where the other end of it may be. */
export interface Place {
  readonly book: FinalBook;
  /** By number; one that was not read is not there. */
  readonly books: ReadonlyMap<number, FinalBook>;
}

type Told = NonNullable<LookUpRead['found']>;

/**
 * What is wrong with an answer to a request, held against the row that decided it; '' if nothing
 * is. The answer may be as old as the row or as new as the end of the run: what was in transit
 * is posted or returned later. A hold is answered as it was made, whatever has become of it.
 * Where it was decided, and when, is not looked at.
 */
export function wrongInAnswer(
  answer: TransferAnswer,
  request: CreateTransferRequest,
  row: JournalRow,
  place: Place,
): string {
  const wrong =
    wrongInStatus(answer, row, saidInAnswer(row, place)) ||
    wrongInLegs(answer.legs, row, place, saidInAnswer);
  if (wrong !== '') return wrong;
  const amount = row.reason === 0 && amountIsOpen(request) ? String(row.amount ?? 0n) : '0';
  if (answer.actualAmount !== amount) {
    return `said was an actual amount of ${answer.actualAmount}, it is ${amount}`;
  }
  const expires = row.details?.expiresAtMicros ?? null;
  if (answer.expiresAtMicros === expires) return '';
  return `said was that it expires at ${answer.expiresAtMicros}, it does at ${expires}`;
}

/**
 * The same of what a look-up found. It tells of a hold what has become of it, and of every
 * transfer what was moved.
 */
export function wrongInLookUp(found: Told, row: JournalRow, place: Place): string {
  const wrong =
    wrongInStatus(found, row, saidInLookUp(row, place)) ||
    wrongInLegs(found.legs, row, place, saidInLookUp);
  if (wrong !== '') return wrong;
  const isMoved = row.reason === 0 && row.kind !== RowKind.group;
  const amount = isMoved ? String(row.amount ?? 0n) : '0';
  if (found.actualAmount === amount) return '';
  return `said was an actual amount of ${found.actualAmount}, it is ${amount}`;
}

/** A status, and the reason that goes with it. */
type Said = readonly [status: string, reason: string];

function wrongInStatus({ transferId, status, reason }: LegAnswer, row: JournalRow, may: Said[]) {
  if (transferId !== row.id) return `said was transfer ${transferId}, it is ${row.id}`;
  if (may.some(([one, why]) => one === status && why === reason)) return '';
  const can = may.map((said) => textOf(said)).join(' or ');
  return `said was ${textOf([status, reason])}, it can only be ${can}`;
}

function textOf([status, reason]: Said): string {
  return reason === '' ? status : `${status} (${reason})`;
}

function wrongInLegs(
  legs: readonly LegAnswer[],
  row: JournalRow,
  place: Place,
  mayBeSaid: (leg: JournalRow, place: Place) => Said[],
): string {
  const rows = row.kind === RowKind.group ? (place.book.legs.get(row.id) ?? []) : [];
  if (legs.length !== rows.length) return `said were ${legs.length} legs, it has ${rows.length}`;
  for (const [index, leg] of rows.entries()) {
    const told = legs[index];
    const wrong = told === undefined ? '' : wrongInStatus(told, leg, mayBeSaid(leg, place));
    if (wrong !== '') return `of leg ${index} ${wrong}`;
  }
  return '';
}

function saidInAnswer(row: JournalRow, place: Place): Said[] {
  const { kind, reason, peer } = row;
  if (reason !== 0) return [['REJECTED', reasonWord(reason)]];
  if (kind === RowKind.hold) return [['HELD', '']];
  if (kind === RowKind.release) return [['RELEASED', '']];
  return peer === null || peer.number === null ? [['POSTED', '']] : saidOnItsWay(row, place);
}

function saidInLookUp(row: JournalRow, place: Place): Said[] {
  const said = saidInAnswer(row, place);
  if (row.kind !== RowKind.hold || row.reason !== 0) return said;
  const ends = endsOf(place.book).holds.get(row.id) ?? [];
  return [...said, ...ends.map((kind): Said => [ENDED[kind] ?? '', ''])];
}

/** What a hold is called once nothing is left of it, by the kind of row that took the last. */
const ENDED: Readonly<Record<number, string>> = {
  [RowKind.capture]: 'CAPTURED',
  [RowKind.release]: 'RELEASED',
  [RowKind.expiry]: 'EXPIRED',
  [RowKind.return]: 'EXPIRED',
  [RowKind.rest]: 'CAPTURED',
};

/** Of money for another book: that one decides whether it is posted, the return that it is back. */
function saidOnItsWay(row: JournalRow, { book, books }: Place): Said[] {
  const said: Said[] = [['IN_TRANSIT', '']];
  const returned = endsOf(book).returns.get(row.id);
  if (returned !== undefined) said.push(['RETURNED', reasonWord(returned.reason)]);
  const payee = books.get(row.peer?.book ?? 0);
  const second = payee?.byId.get(settlementId(book.number, row.id));
  // Of a book that was not read nobody knows what it has applied.
  const isPosted = payee === undefined ? returned === undefined : second?.reason === 0;
  if (isPosted) said.push(['POSTED', '']);
  return said;
}

/** What came of the holds of a book, and of what it has sent to others. */
interface Ends {
  /** Kinds of the rows that left nothing of a hold, by its id: captures may come back. */
  readonly holds: ReadonlyMap<string, readonly RowKind[]>;
  /** By the transfer whose money came back. */
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
