import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferRequest } from '../../../proto/gen/meridian/v1/transfer.ts';
import type { Entries, Peer, RowDetails, RowKind } from '../journal-row.ts';

/** What is decided about a transfer or a leg of a group, before its row is written. */
export interface Decision {
  readonly reason: Reason;
  readonly kind: RowKind;
  /** Null: left open by a request that was rejected. */
  readonly amount: bigint | null;
  readonly creditAccount: bigint | null;
  readonly entries: Entries | null;
  readonly peer: Peer | null;
  readonly drawn: RowDetails['drawn'];
  readonly expiresAtMicros: number | null;
}

/** A row that was applied and moves or holds nothing: no entry, and nothing travels. */
export function nothingMoved(kind: RowKind, request: CreateTransferRequest): Decision {
  return rejected(kind, Reason.UNSPECIFIED, { ...request, amount: 0n });
}

/** A row without effect. */
export function rejected(
  kind: RowKind,
  reason: Reason,
  { amount, creditAccountId }: CreateTransferRequest,
): Decision {
  return {
    reason,
    kind,
    amount: amount === 0n ? null : amount,
    creditAccount: creditAccountId === 0n ? null : creditAccountId,
    entries: null,
    peer: null,
    drawn: null,
    expiresAtMicros: null,
  };
}
