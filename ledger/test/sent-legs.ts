import type { SettleLeg } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { SweepCursor } from '../core/command.ts';
import { type JournalRow, RowKind } from '../core/journal-row.ts';
import type { SimBook } from './installation.ts';

/** The legs of one book to another as its journal has them, the first has number 1. */
export function sentLegs(book: SimBook, peerBook: number): SettleLeg[] {
  return book.rows.flatMap((row) => {
    const { peer, kind } = row;
    if (peer === null || peer.book !== peerBook) return [];
    if (peer.number === null || kind === RowKind.settlement) return [];
    const debitAccountId = row.debitAccount ?? 0n;
    return [
      {
        transferId: row.id,
        debitAccountId,
        creditAccountId: peer.account,
        amount: row.amount ?? 0n,
        asset: book.stored.get(debitAccountId)?.asset ?? '',
        code: row.code,
        reference: row.reference,
        metadata: { ...row.metadata },
        reversalOf: kind === RowKind.reversal ? reversedTransfer(book.rows, row) : '',
      },
    ];
  });
}

/** What goes back to another book came from there: the row that it draws on says as what. */
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
