import {
  type JournalRow,
  type Peer,
  type RowDetails,
  RowKind,
  TRANSFER_KINDS,
} from './journal-row.ts';

/**
 * A row that later rows draw on: a hold, which captures use up, or a transfer, which reversals
 * give back; and how much of it is left.
 */
export interface Original {
  /** Of its row. */
  readonly id: string;
  readonly kind: RowKind;
  /** True: it was applied. */
  readonly applied: boolean;
  /** As the caller named them, in whatever books they are. */
  readonly debitAccountId: bigint;
  readonly creditAccountId: bigint;
  /** In minor units; what was moved or held. */
  readonly amount: bigint;
  left: bigint;
  /** Of a hold that expires. */
  readonly expiresAtMicros: number | null;
  /** Of a hold of which nothing is left: the kind of row that ended it. */
  endedBy: RowKind | null;
  /**
   * Of a hold: a final capture is on its way to another book. What it leaves stays reserved,
   * and cannot be drawn on, until that book has answered.
   */
  closing: boolean;
}

/** True for rows whose money can be given back by a reversal. */
export function isReversible({ kind, applied }: Original): boolean {
  return (
    applied &&
    (kind === RowKind.transfer || kind === RowKind.capture || kind === RowKind.settlement)
  );
}

/** Kinds of rows whose id a request may name, even without success. */
export const DRAWN_ON: ReadonlySet<RowKind> = new Set([...TRANSFER_KINDS, RowKind.settlement]);

/** The fields of a row that determine what it is as an original. */
export interface OriginalRow extends Pick<
  JournalRow,
  'id' | 'kind' | 'reason' | 'debitAccount' | 'creditAccount' | 'amount'
> {
  readonly peer: Pick<Peer, 'account'> | null;
  readonly details: Pick<RowDetails, 'drawn' | 'expiresAtMicros'> | null;
}

/**
 * The row as what a capture, release or reversal may draw on, before any has. Undefined: a
 * request cannot name it.
 */
export function originalOf(row: OriginalRow): Original | undefined {
  const { id, kind, reason, debitAccount, creditAccount, amount, peer, details } = row;
  if (!DRAWN_ON.has(kind)) return undefined;
  const settled = kind === RowKind.settlement;
  return {
    id,
    // A second leg that gives back is a reversal here too, and cannot be reversed.
    kind: settled && details?.drawn ? RowKind.reversal : kind,
    applied: reason === 0,
    debitAccountId: (settled ? peer?.account : debitAccount) ?? 0n,
    creditAccountId: (settled ? creditAccount : (peer?.account ?? creditAccount)) ?? 0n,
    amount: amount ?? 0n,
    left: amount ?? 0n,
    expiresAtMicros: details?.expiresAtMicros ?? null,
    endedBy: null,
    closing: false,
  };
}
