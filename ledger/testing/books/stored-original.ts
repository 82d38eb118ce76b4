import { type JournalRow, RowKind } from '../../core/journal-row.ts';
import type { Original } from '../../core/original.ts';
import type { CaptureOf } from '../../core/post/command.ts';
import { storedOptions } from '../../core/validate/options.ts';

const NEVER_DRAWN_ON: ReadonlySet<RowKind> = new Set([
  RowKind.return,
  RowKind.account,
  RowKind.takeOver,
  RowKind.expiry,
  RowKind.rest,
  RowKind.change,
  RowKind.asset,
]);

/**
 * A row that others draw on, read from the journal alone, as the store does.
 *
 * @param settled through which number of its legs another book has answered
 */
export function storedOriginal(
  rows: readonly JournalRow[],
  id: string,
  settled: (peerBook: number) => number,
): Original | undefined {
  const row = rows.find((candidate) => candidate.id === id);
  if (row === undefined || NEVER_DRAWN_ON.has(row.kind)) return undefined;
  const { peer, debitAccount, creditAccount, details } = row;
  const arrived = row.kind === RowKind.settlement;
  const amount = row.amount ?? 0n;
  const newest = rows.findLast(({ details: of }) => of?.drawn?.id === id && of.drawn.left !== null);
  const capture = rows.findLast(
    ({ kind, reason, details: of }) =>
      kind === RowKind.capture && reason === 0 && of?.drawn?.id === id,
  );
  const left = newest?.details?.drawn?.left ?? amount;
  return {
    id,
    // Money that a reversal brought is a reversal here too.
    kind: arrived && details?.drawn ? RowKind.reversal : row.kind,
    applied: row.reason === 0,
    debitAccountId: (arrived ? peer?.account : debitAccount) ?? 0n,
    creditAccountId: (arrived ? creditAccount : (peer?.account ?? creditAccount)) ?? 0n,
    amount,
    left,
    expiresAtMicros: details?.expiresAtMicros ?? null,
    endedBy: row.kind === RowKind.hold && left === 0n ? (newest?.kind ?? null) : null,
    closing:
      row.kind === RowKind.hold &&
      capture !== undefined &&
      capture.peer !== null &&
      captureOf(capture)?.final === true &&
      (capture.peer.number ?? 0) > settled(capture.peer.book),
  };
}

/** The capture of a row; null if it is no capture. */
export function captureOf({ kind, details }: JournalRow): CaptureOf | null {
  if (kind !== RowKind.capture) return null;
  const { action } = storedOptions(details?.options ?? '');
  const final = action?.$case === 'capture' && action.value.final;
  return { holdId: details?.drawn?.id ?? '', final };
}
