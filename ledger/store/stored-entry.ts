import { EventKind } from '../../proto/gen/meridian/v1/event.ts';
import { type Entry, Side } from '../../proto/gen/meridian/v1/query.ts';
import { RowKind } from '../core/journal-row.ts';
import { timestampFrom } from '../core/timestamp.ts';

/** A version of an account by the names of the columns of the view `entry`. */
export interface EntryRow {
  version: bigint;
  side: keyof typeof SIDES;
  amount: bigint | null;
  counterparty: bigint | null;
  debits_after: bigint;
  credits_after: bigint;
  balance_after: bigint;
  held_debits_after: bigint;
  held_credits_after: bigint;
  available_after: bigint;
  transfer_id: string;
  drawn_id: string | null;
  origin_id: string | null;
  group_id: string | null;
  kind: EventKind;
  seq: bigint;
  epoch: bigint;
  key: string | null;
  code: number | null;
  reference: string | null;
  metadata: Record<string, string> | null;
  changed_by: string | null;
  at_micros: bigint;
}

const SIDES = { debit: Side.DEBIT, credit: Side.CREDIT, none: Side.UNSPECIFIED } as const;

/** Rows that move money; the others change what is held, or settings. */
export const MOVING: readonly RowKind[] = [
  RowKind.transfer,
  RowKind.settlement,
  RowKind.return,
  RowKind.capture,
  RowKind.reversal,
  RowKind.recovered,
];

/** An entry as callers see it. */
export function entryFrom(row: EntryRow, book: number): Entry {
  const originId = row.origin_id ?? row.drawn_id ?? '';
  return {
    version: row.version,
    side: SIDES[row.side],
    amount: row.amount ?? 0n,
    counterpartyAccountId: row.counterparty ?? 0n,
    debitsAfter: row.debits_after,
    creditsAfter: row.credits_after,
    balanceAfter: row.balance_after,
    heldDebitsAfter: row.held_debits_after,
    heldCreditsAfter: row.held_credits_after,
    availableAfter: row.available_after,
    // No caller requests an expiry: it is reported as part of its hold.
    transferId: row.kind === EventKind.EXPIRY ? originId : row.transfer_id,
    idempotencyKey: row.key ?? '',
    code: row.code ?? 0,
    reference: row.reference ?? '',
    metadata: row.metadata ?? {},
    position: { book, epoch: row.epoch, seq: row.seq },
    postedAt: timestampFrom(Number(row.at_micros)),
    kind: row.kind,
    originId,
    groupId: row.group_id ?? '',
    by: row.changed_by ?? '',
  };
}
