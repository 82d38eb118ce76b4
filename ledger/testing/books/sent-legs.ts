import type { SettleLeg } from '../../../proto/gen/meridian/internal/v1/book.ts';
import { must } from '../../core/assert.ts';
import type {
  CaptureOf,
  CloseCommand,
  SettleOutcome,
  SweepCursor,
} from '../../core/post/command.ts';
import { type JournalRow, RowKind } from '../../core/journal-row.ts';
import type { SimBook } from './sim-book.ts';
import { captureOf } from './stored-original.ts';

/** The legs of one book to another as its journal has them, the first has number 1. */
export function sentLegs(book: SimBook, peerBook: number): SettleLeg[] {
  return sentRows(book, peerBook).map((row) => {
    const debitAccountId = row.debitAccount ?? 0n;
    return {
      transferId: row.id,
      debitAccountId,
      creditAccountId: row.peer?.account ?? 0n,
      amount: row.amount ?? 0n,
      asset: book.stored.get(debitAccountId)?.asset ?? '',
      code: row.code,
      reference: row.reference,
      metadata: { ...row.metadata },
      reversalOf: row.kind === RowKind.reversal ? reversedTransfer(book.rows, row) : '',
    };
  });
}

/** What the legs of one book to another captured, by their numbers. */
export function sentCaptures(book: SimBook, peerBook: number): Map<number, CaptureOf> {
  const captures = sentRows(book, peerBook).map(captureOf);
  return new Map(
    captures.flatMap((capture, index) => (capture === null ? [] : [[index + 1, capture] as const])),
  );
}

function sentRows(book: SimBook, peerBook: number): JournalRow[] {
  return book.rows.filter(({ peer, kind }) => {
    return peer?.book === peerBook && peer.number !== null && kind !== RowKind.settlement;
  });
}

/** The close of every leg up to a number, given what the other book refused of those after `after`. */
export function closeOf(
  book: SimBook,
  peerBook: number,
  { after, through }: { readonly after: number; readonly through: number },
  refusals: SettleOutcome['refusals'],
): CloseCommand {
  const legs = sentLegs(book, peerBook);
  const captures = sentRows(book, peerBook).map(captureOf);
  const refused = refusals.map(({ number, reason }) => {
    const leg = must(legs[number - 1], 'what was refused was sent');
    return { number, reason, leg, capture: captures[number - 1] ?? null };
  });
  const isRefused = new Set(refused.map(({ number }) => number));
  const finals = captures.slice(0, through).flatMap((capture, index) => {
    const number = index + 1;
    if (capture?.final !== true || number <= after || isRefused.has(number)) return [];
    return [{ number, transferId: legs[index]?.transferId ?? '', holdId: capture.holdId }];
  });
  return { kind: 'close', peerBook, through, refused, finals };
}

/** What goes back to another book came from there: the row that it draws on states as what. */
function reversedTransfer(rows: readonly JournalRow[], { details }: JournalRow): string {
  const settlement = rows.find(({ id }) => id === details?.drawn?.id);
  return settlement?.originId ?? '';
}

/** Holds that expire until then, in the order in which they do. */
export function dueHolds(
  rows: readonly JournalRow[],
  untilMicros: number,
): { readonly id: string; readonly cursor: SweepCursor }[] {
  return rows
    .flatMap(({ id, seq, details }) => {
      const expiresAtMicros = details?.expiresAtMicros ?? Infinity;
      return expiresAtMicros === Infinity || expiresAtMicros > untilMicros
        ? []
        : [{ id, cursor: { expiresAtMicros, seq } }];
    })
    .toSorted(
      ({ cursor: a }, { cursor: b }) => a.expiresAtMicros - b.expiresAtMicros || a.seq - b.seq,
    );
}
