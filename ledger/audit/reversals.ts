import { type JournalRow, type Peer, RowKind } from '../../ledger/core/journal-row.ts';
import { type StoredOptions, storedOptions } from '../core/validate/options.ts';
import { settlementId } from '../../ledger/core/transfer-id.ts';
import type { Find } from './findings.ts';

/** A row that reversals or returns draw on or come from, with what is left before the next rows. */
export interface ReversedRow {
  readonly seq: number;
  readonly kind: RowKind;
  readonly reason: number;
  readonly debitAccount: bigint | null;
  readonly creditAccount: bigint | null;
  readonly amount: bigint;
  readonly peer: Pick<Peer, 'book' | 'account'> | null;
  readonly originId: string | null;
  /** True: it is a reversal itself, or the second leg of one. */
  readonly reverses: boolean;
  /** Of a capture: its hold. */
  readonly drawnId: string | null;
  /** Of a final capture. */
  readonly final: boolean;
  /** Of a hold that expires. */
  readonly expiresAtMicros: number | null;
  /** Kind of the row that took the last of it, if nothing is left. */
  readonly endedBy: RowKind | null;
  left: bigint;
}

/** A row before any other has drawn on it. */
export function undrawn(row: JournalRow): ReversedRow {
  const amount = row.amount ?? 0n;
  const drawn = row.details?.drawn ?? null;
  return {
    ...row,
    amount,
    reverses: drawn !== null,
    drawnId: drawn?.id ?? null,
    final: isFinalCapture(row.details?.options ?? ''),
    expiresAtMicros: row.details?.expiresAtMicros ?? null,
    endedBy: null,
    left: amount,
  };
}

/** True if the options of a row are those of a final capture. */
export function isFinalCapture(options: string): boolean {
  return /^\{"action":"capture",.*"final":true/u.test(options);
}

/** By the id of the row. */
export type ReversedRows = ReadonlyMap<string, ReversedRow>;

/**
 * Ids of the rows that a page draws on by reversals, or that come back in it. Every transfer of a
 * journal could be reversed, so none is kept in memory: they are looked up for each page of rows.
 * The amount left of them is taken from a row before the page, which has already been checked.
 */
export function reversedIds(rows: readonly JournalRow[]): string[] {
  const ids = new Set<string>();
  for (const row of rows) {
    const { kind, details, originId } = row;
    // What came back may be a capture: then its hold is looked up too.
    if (kind === RowKind.return || kind === RowKind.rest) ids.add(originId ?? '');
    if (!DRAWS.has(kind)) continue;
    if (details !== null && details.drawn !== null) ids.add(details.drawn.id);
    else if (kind === RowKind.recovered) {
      const reversed = reversedBy(row);
      // And the same reversal, if it was made again.
      if (reversed !== '') ids.add(reversed).add(originId ?? '');
    }
  }
  ids.delete('');
  return [...ids];
}

const DRAWS: ReadonlySet<RowKind> = new Set([RowKind.reversal, RowKind.return, RowKind.recovered]);

/** Takes a leg that a repair has booked: if it is a reversal, it draws on what it reverses. */
export function checkRecovered(row: JournalRow, rows: ReversedRows, find: Find): void {
  if ((row.details?.drawn ?? null) === null) return checkUndrawn(row, rows, find);
  const original = originalOf(row, rows, find);
  if (original) checkLeft(row, original, original.left - (row.amount ?? 0n), find);
}

/** It draws on nothing if the same was made again and has drawn, or others have left too little. */
function checkUndrawn(row: JournalRow, rows: ReversedRows, find: Find): void {
  const id = reversedBy(row);
  const original = rows.get(id);
  if (row.entries === null || original === undefined || original.seq > row.seq) return;
  const isMadeAgain = rows.get(row.originId ?? '')?.drawnId === id;
  if (isMadeAgain || original.left < (row.amount ?? 0n)) return;
  find('I10', row, `draws nothing of ${id}, of which ${original.left} is left, and reverses it`);
}

/** Id of the row by which this book received what a recovered leg reverses; '' if it is none. */
function reversedBy({ details, peer }: JournalRow): string {
  try {
    const { action } = storedOptions(details?.options ?? '');
    if (action?.$case !== 'reversal') return '';
    return settlementId(peer?.book ?? 0, action.value.transferId);
  } catch {
    // Nothing can be held against it; its leg is compared with the one that arrived all the same.
    return '';
  }
}

/** Takes the row of a reversal that was applied. */
export function checkReversal(
  row: JournalRow,
  asked: StoredOptions,
  rows: ReversedRows,
  find: Find,
): void {
  const original = originalOf(row, rows, find);
  if (!original) return;
  const amount = row.amount ?? 0n;
  const id = row.details?.drawn?.id;
  if (!isReversible(original)) find('I10', row, `reverses ${id}, which cannot be reversed`);
  if (!isMirrored(row, original)) find('I10', row, `has other accounts than what it reverses`);
  if (asked.amount === 0n && amount !== original.left) {
    find('I10', row, `reverses ${amount} of ${id} where all of ${original.left} was asked`);
  }
  // A caller names a transfer from another book by the id that its payer's book gave it.
  const named = asked.action?.$case === 'reversal' ? asked.action.value.transferId : '';
  const known = original.kind === RowKind.settlement ? original.originId : id;
  if (named !== known) find('I5', row, `reverses ${id}, asked was ${named}`);
  checkLeft(row, original, original.left - amount, find);
}

/** Takes a return: if it is a reversal that came back, that can be reversed again. */
export function checkReturn(row: JournalRow, rows: ReversedRows, find: Find): void {
  if ((row.details?.drawn ?? null) === null) return;
  const original = originalOf(row, rows, find);
  if (!original) return;
  checkLeft(row, original, original.left + (row.amount ?? 0n), find);
}

function checkLeft(row: JournalRow, original: ReversedRow, left: bigint, find: Find): void {
  const drawn = row.details?.drawn;
  if (left < 0n || left > original.amount) {
    find('I10', row, `leaves ${left} of ${drawn?.id}, which moved ${original.amount}`);
  }
  if (drawn?.left !== left) {
    find('I10', row, `states that ${drawn?.left} is left of ${drawn?.id}, left is ${left}`);
  }
  original.left = left;
}

function originalOf(row: JournalRow, rows: ReversedRows, find: Find): ReversedRow | undefined {
  const id = row.details?.drawn?.id;
  const original = id === undefined ? undefined : rows.get(id);
  if (original && original.seq < row.seq) return original;
  find('I10', row, `draws on ${id}, of which there is no row before it`);
  return undefined;
}

/** A transfer to another book is reversed over there, by the row of its second leg. */
function isReversible({ kind, reason, peer, reverses }: ReversedRow): boolean {
  if (reason !== 0) return false;
  // A second leg that gives back is a reversal here too.
  if (kind === RowKind.settlement) return !reverses;
  return peer === null && (kind === RowKind.transfer || kind === RowKind.capture);
}

function isMirrored(row: JournalRow, original: ReversedRow): boolean {
  if (row.debitAccount !== original.creditAccount) return false;
  if (original.peer === null) {
    return row.peer === null && row.creditAccount === original.debitAccount;
  }
  return row.peer?.book === original.peer.book && row.peer.account === original.peer.account;
}
