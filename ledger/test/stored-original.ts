import { type JournalRow, RowKind } from '../core/journal-row.ts';
import type { Original } from '../core/original.ts';

const NEVER_DRAWN_ON: ReadonlySet<RowKind> = new Set([
  RowKind.return,
  RowKind.account,
  RowKind.takeOver,
  RowKind.expiry,
  RowKind.change,
  RowKind.asset,
]);

/** A row that others draw on, read from the journal alone, as the store does. */
export function storedOriginal(rows: readonly JournalRow[], id: string): Original | undefined {
  const row = rows.find((candidate) => candidate.id === id);
  if (row === undefined || NEVER_DRAWN_ON.has(row.kind)) return undefined;
  const { peer, debitAccount, creditAccount, details } = row;
  const settled = row.kind === RowKind.settlement;
  const amount = row.amount ?? 0n;
  const newest = rows.findLast(({ details: of }) => of?.drawn?.id === id && of.drawn.left !== null);
  const left = newest?.details?.drawn?.left ?? amount;
  return {
    id,
    // Money that a reversal brought is a reversal here too.
    kind: settled && details?.drawn ? RowKind.reversal : row.kind,
    applied: row.reason === 0,
    debitAccountId: (settled ? peer?.account : debitAccount) ?? 0n,
    creditAccountId: (settled ? creditAccount : (peer?.account ?? creditAccount)) ?? 0n,
    amount,
    left,
    expiresAtMicros: details?.expiresAtMicros ?? null,
    endedBy: row.kind === RowKind.hold && left === 0n ? (newest?.kind ?? null) : null,
  };
}
