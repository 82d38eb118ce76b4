import { RowKind } from './journal-row.ts';

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
}

/** True for rows whose money can be given back by a reversal. */
export function isReversible({ kind, applied }: Original): boolean {
  return (
    applied &&
    (kind === RowKind.transfer || kind === RowKind.capture || kind === RowKind.settlement)
  );
}
