import { type AccountState, type Event, EventKind } from '../../proto/gen/meridian/v1/event.ts';
import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { namedAsset } from '../core/asset.ts';
import { RowKind, TRANSFER_KINDS } from '../core/journal-row.ts';
import { timestampFrom } from '../core/timestamp.ts';
import { storedOptions } from '../core/validate/options.ts';
import { accountState } from './account-state.ts';

/** A row of the journal by the names of its columns, with the asset of its accounts. */
export interface EventRow {
  seq: bigint;
  epoch: bigint;
  id: string;
  kind: RowKind;
  reason: Reason;
  debit_account: bigint | null;
  credit_account: bigint | null;
  amount: bigint | null;
  debit_version: bigint | null;
  debit_debits: bigint;
  debit_credits: bigint;
  debit_held_debits: bigint;
  debit_held_credits: bigint;
  credit_version: bigint | null;
  credit_debits: bigint;
  credit_credits: bigint;
  credit_held_debits: bigint;
  credit_held_credits: bigint;
  peer_account: bigint | null;
  origin_id: string | null;
  namespace: string | null;
  key: string | null;
  asset: string | null;
  code: number | null;
  reference: string | null;
  metadata: Record<string, string> | null;
  drawn_id: string | null;
  drawn_left: bigint | null;
  group_id: string | null;
  options: string | null;
  changed_by: string | null;
  at_micros: bigint;
  expires_micros: bigint | null;
}

/** A row as callers see it. */
export function eventFrom(row: EventRow, book: number): Event {
  const expires = row.expires_micros;
  return {
    position: { book, epoch: row.epoch, seq: row.seq },
    at: timestampFrom(Number(row.at_micros)),
    kind: row.kind,
    reason: row.reason,
    transferId: transferIdOf(row),
    idempotencyKey: keyOf(row),
    namespace: row.namespace ?? '',
    ...partiesOf(row),
    amount: row.amount ?? 0n,
    asset: namedAsset(row.asset ?? '').code,
    code: row.code ?? 0,
    reference: row.reference ?? '',
    metadata: row.metadata ?? {},
    debitAccount: debitState(row),
    creditAccount: creditState(row),
    originId: row.drawn_id ?? askedFor(row),
    left: row.drawn_left ?? 0n,
    groupId: row.group_id ?? '',
    expiresAt: expires === null ? undefined : timestampFrom(Number(expires)),
    by: row.changed_by ?? '',
  };
}

/** Whose money moves to whom: an account of another book stands in place of the transit account. */
function partiesOf(row: EventRow): Pick<Event, 'debitAccountId' | 'creditAccountId'> {
  const debit = row.debit_account ?? 0n;
  const credit = row.credit_account ?? 0n;
  const peer = row.peer_account;
  if (peer === null) return { debitAccountId: debit, creditAccountId: credit };
  return row.kind === EventKind.SETTLEMENT || row.kind === EventKind.RETURN
    ? { debitAccountId: peer, creditAccountId: credit }
    : { debitAccountId: debit, creditAccountId: peer };
}

function transferIdOf({ kind, id, origin_id: originId, drawn_id: drawnId }: EventRow): string {
  if (OF_NO_TRANSFER.has(kind)) return '';
  return (kind === RowKind.expiry ? drawnId : originId) ?? id;
}

const OF_NO_TRANSFER: ReadonlySet<RowKind> = new Set([
  RowKind.account,
  RowKind.takeOver,
  RowKind.asset,
]);

/** A key that is the id itself is not stored; other rows than requests have none. */
function keyOf({ kind, id, key, group_id: groupId }: EventRow): string {
  return key ?? (groupId === null && REQUESTED.has(kind) ? id : '');
}

const REQUESTED: ReadonlySet<RowKind> = new Set([...TRANSFER_KINDS, RowKind.change]);

/** What a rejected request wanted to draw on. */
function askedFor({ kind, options }: EventRow): string {
  if (options === null || !DRAWING.has(kind)) return '';
  const { action } = storedOptions(options);
  if (action?.$case === 'reversal') return action.value.transferId;
  return action?.$case === 'capture' || action?.$case === 'release' ? action.value.holdId : '';
}

const DRAWING: ReadonlySet<RowKind> = new Set([RowKind.capture, RowKind.release, RowKind.reversal]);

function debitState(row: EventRow): AccountState | undefined {
  if (row.debit_account === null || row.debit_version === null) return undefined;
  return accountState(row.debit_account, {
    version: row.debit_version,
    debits: row.debit_debits,
    credits: row.debit_credits,
    heldDebits: row.debit_held_debits,
    heldCredits: row.debit_held_credits,
  });
}

function creditState(row: EventRow): AccountState | undefined {
  if (row.credit_account === null || row.credit_version === null) return undefined;
  return accountState(row.credit_account, {
    version: row.credit_version,
    debits: row.credit_debits,
    credits: row.credit_credits,
    heldDebits: row.credit_held_debits,
    heldCredits: row.credit_held_credits,
  });
}
