import { type AccountState, type Event, EventKind } from '../../proto/gen/meridian/v1/event.ts';
import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { namedAsset } from '../core/asset.ts';
import { RowKind, TRANSFER_KINDS } from '../core/journal-row.ts';
import { storedOptions } from '../core/validate/options.ts';
import { timestampFrom } from '../core/timestamp.ts';
import { accountState } from './account-state.ts';
import type { Sql } from './connect.ts';

interface Row {
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

export interface EventPage {
  /** Null: every row of the journal. Else: the versions of this account. */
  readonly account: bigint | null;
  /** Rows after this seq of the book, or this version of the account. */
  readonly after: number;
  /** Rows up to this seq; what is beyond it may be visible before it is acknowledged. */
  readonly through: number;
  readonly limit: number;
}

/**
 * Rows of the journal as events, in order of seq. Places have no gaps, so a page is a range of
 * them: a LIMIT was seen to make the planner sort all that follows. Data in other rows is looked
 * up by one index step each, and only where it is needed: the asset of the accounts, and
 * the transfer whose second leg a reversal draws on.
 */
export async function readEvents(sql: Sql, book: number, page: EventPage): Promise<Event[]> {
  const { account, after, through } = page;
  const last = after + page.limit;
  const journal =
    account === null
      ? sql`(SELECT * FROM journal WHERE seq > ${after} AND seq <= ${Math.min(last, through)})`
      : sql`(
      SELECT * FROM journal
       WHERE debit_account = ${account} AND debit_version > ${after} AND debit_version <= ${last}
         AND seq <= ${through}
      UNION ALL
      SELECT * FROM journal
       WHERE credit_account = ${account} AND credit_version > ${after} AND credit_version <= ${last}
         AND seq <= ${through})`;
  const rows = await sql<Row[]>`
    SELECT j.seq, j.epoch, j.id, j.kind, j.reason, j.debit_account, j.credit_account, j.amount,
           j.debit_version, j.debit_debits, j.debit_credits,
           COALESCE(j.debit_held_debits, 0) AS debit_held_debits,
           COALESCE(j.debit_held_credits, 0) AS debit_held_credits,
           j.credit_version, j.credit_debits, j.credit_credits,
           COALESCE(j.credit_held_debits, 0) AS credit_held_debits,
           COALESCE(j.credit_held_credits, 0) AS credit_held_credits,
           j.peer_account, j.origin_id, j.namespace, j.key,
           COALESCE(j.asset, (SELECT asset FROM account WHERE id = j.debit_account),
                    (SELECT asset FROM account WHERE id = j.credit_account)) AS asset,
           j.code, j.reference, j.metadata,
           COALESCE((SELECT origin_id FROM journal o WHERE o.id = j.drawn_id), j.drawn_id)
             AS drawn_id,
           j.drawn_left, j.group_id, j.options, j.changed_by,
           (extract(epoch FROM j.at) * 1000000)::int8 AS at_micros,
           (extract(epoch FROM j.expires_at) * 1000000)::int8 AS expires_micros
      FROM ${journal} j ORDER BY j.seq`;
  return rows.map((row) => eventFrom(row, book));
}

function eventFrom(row: Row, book: number): Event {
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
function partiesOf(row: Row): Pick<Event, 'debitAccountId' | 'creditAccountId'> {
  const debit = row.debit_account ?? 0n;
  const credit = row.credit_account ?? 0n;
  const peer = row.peer_account;
  if (peer === null) return { debitAccountId: debit, creditAccountId: credit };
  return row.kind === EventKind.SETTLEMENT || row.kind === EventKind.RETURN
    ? { debitAccountId: peer, creditAccountId: credit }
    : { debitAccountId: debit, creditAccountId: peer };
}

function transferIdOf({ kind, id, origin_id: originId, drawn_id: drawnId }: Row): string {
  if (OF_NO_TRANSFER.has(kind)) return '';
  return (kind === RowKind.expiry ? drawnId : originId) ?? id;
}

const OF_NO_TRANSFER: ReadonlySet<RowKind> = new Set([
  RowKind.account,
  RowKind.takeOver,
  RowKind.asset,
]);

/** A key that is the id itself is not stored; other rows than requests have none. */
function keyOf({ kind, id, key, group_id: groupId }: Row): string {
  return key ?? (groupId === null && REQUESTED.has(kind) ? id : '');
}

const REQUESTED: ReadonlySet<RowKind> = new Set([...TRANSFER_KINDS, RowKind.change]);

/** What a rejected request wanted to draw on. */
function askedFor({ kind, options }: Row): string {
  if (options === null || !DRAWING.has(kind)) return '';
  const { action } = storedOptions(options);
  if (action?.$case === 'reversal') return action.value.transferId;
  return action?.$case === 'capture' || action?.$case === 'release' ? action.value.holdId : '';
}

const DRAWING: ReadonlySet<RowKind> = new Set([RowKind.capture, RowKind.release, RowKind.reversal]);

function debitState(row: Row): AccountState | undefined {
  if (row.debit_account === null || row.debit_version === null) return undefined;
  return accountState(row.debit_account, {
    version: row.debit_version,
    debits: row.debit_debits,
    credits: row.debit_credits,
    heldDebits: row.debit_held_debits,
    heldCredits: row.debit_held_credits,
  });
}

function creditState(row: Row): AccountState | undefined {
  if (row.credit_account === null || row.credit_version === null) return undefined;
  return accountState(row.credit_account, {
    version: row.credit_version,
    debits: row.credit_debits,
    credits: row.credit_credits,
    heldDebits: row.credit_held_debits,
    heldCredits: row.credit_held_credits,
  });
}
