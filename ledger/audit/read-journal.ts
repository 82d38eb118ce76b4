import type { JournalRow, RowKind } from '../core/journal-row.ts';
import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { type AuditSql, FETCH_SIZE } from './read-book.ts';
import type { ChainedRow } from './journal-scan.ts';

interface StoredRow {
  readonly seq: bigint;
  readonly epoch: bigint;
  readonly id: string;
  readonly kind: RowKind;
  readonly reason: Reason;
  readonly debit_account: bigint | null;
  readonly credit_account: bigint | null;
  readonly amount: bigint | null;
  readonly debit_version: bigint | null;
  readonly credit_version: bigint | null;
  readonly debit_debits: bigint | null;
  readonly debit_credits: bigint | null;
  readonly credit_debits: bigint | null;
  readonly credit_credits: bigint | null;
  readonly peer_account: bigint | null;
  readonly peer_book: number | null;
  readonly channel_number: bigint | null;
  readonly origin_id: string | null;
  readonly namespace: string | null;
  readonly key: string | null;
  readonly asset: string | null;
  readonly code: number | null;
  readonly reference: string | null;
  readonly metadata: Record<string, string> | null;
  readonly at_micros: bigint;
  readonly debit_held_debits: bigint | null;
  readonly debit_held_credits: bigint | null;
  readonly credit_held_debits: bigint | null;
  readonly credit_held_credits: bigint | null;
  readonly drawn_id: string | null;
  readonly drawn_left: bigint | null;
  readonly group_id: string | null;
  readonly expires_at_micros: bigint | null;
  readonly options: string | null;
  readonly changed_by: string | null;
  readonly account_flags: number | null;
  readonly min_balance: bigint | null;
  readonly max_balance: bigint | null;
  readonly chain: Uint8Array | null;
}

/** The journal in order of seq, a few thousand rows at a time. */
export async function* readJournal(sql: AuditSql): AsyncGenerator<ChainedRow[]> {
  const cursor = sql<StoredRow[]>`
    SELECT seq, epoch, id, kind, reason, debit_account, credit_account, amount,
           debit_version, credit_version, debit_debits, debit_credits, credit_debits,
           credit_credits, peer_account, peer_book, channel_number, origin_id, namespace, key,
           asset, code, reference, metadata, chain, debit_held_debits, debit_held_credits,
           credit_held_debits, credit_held_credits, drawn_id, drawn_left, group_id, options,
           changed_by, account_flags, min_balance, max_balance,
           (extract(epoch FROM at) * 1000000)::int8 AS at_micros,
           (extract(epoch FROM expires_at) * 1000000)::int8 AS expires_at_micros
      FROM journal ORDER BY seq`;
  for await (const rows of cursor.cursor(FETCH_SIZE)) {
    yield rows.map((stored) => ({ row: rowFrom(stored), chain: stored.chain }));
  }
}

function rowFrom(stored: StoredRow): JournalRow {
  return {
    seq: Number(stored.seq),
    epoch: Number(stored.epoch),
    id: stored.id,
    kind: stored.kind,
    reason: stored.reason,
    debitAccount: stored.debit_account,
    creditAccount: stored.credit_account,
    amount: stored.amount,
    entries: entriesFrom(stored),
    peer: peerFrom(stored),
    originId: stored.origin_id,
    namespace: stored.namespace ?? '',
    key: stored.key ?? '',
    asset: stored.asset ?? '',
    code: stored.code ?? 0,
    reference: stored.reference ?? '',
    metadata: stored.metadata ?? {},
    atMicros: Number(stored.at_micros),
    details: detailsFrom(stored),
  };
}

function entriesFrom(stored: StoredRow): JournalRow['entries'] {
  const { debit_version: debitVersion, credit_version: creditVersion } = stored;
  if (debitVersion === null && creditVersion === null) return null;
  return {
    debitVersion: debitVersion === null ? null : Number(debitVersion),
    creditVersion: creditVersion === null ? null : Number(creditVersion),
    debitDebits: stored.debit_debits,
    debitCredits: stored.debit_credits,
    creditDebits: stored.credit_debits,
    creditCredits: stored.credit_credits,
    held: heldFrom(stored),
  };
}

function heldFrom(stored: StoredRow): NonNullable<JournalRow['entries']>['held'] {
  const { debit_held_debits: debitDebits, debit_held_credits: debitCredits } = stored;
  const { credit_held_debits: creditDebits, credit_held_credits: creditCredits } = stored;
  if ((debitDebits ?? debitCredits ?? creditDebits ?? creditCredits) === null) return null;
  return {
    debitHeldDebits: debitDebits ?? 0n,
    debitHeldCredits: debitCredits ?? 0n,
    creditHeldDebits: creditDebits ?? 0n,
    creditHeldCredits: creditCredits ?? 0n,
  };
}

function detailsFrom(stored: StoredRow): JournalRow['details'] {
  const { drawn_id: id, expires_at_micros: expiresAt, account_flags: flags } = stored;
  const details = {
    drawn: id === null ? null : { id, left: stored.drawn_left },
    groupId: stored.group_id,
    expiresAtMicros: expiresAt === null ? null : Number(expiresAt),
    options: stored.options ?? '',
    by: stored.changed_by ?? '',
    settings:
      flags === null
        ? null
        : { flags, minBalance: stored.min_balance, maxBalance: stored.max_balance },
  };
  const { drawn, groupId, expiresAtMicros, options, by, settings } = details;
  const isPlain = (drawn ?? groupId ?? expiresAtMicros ?? settings) === null;
  return isPlain && options === '' && by === '' ? null : details;
}

function peerFrom(stored: StoredRow): JournalRow['peer'] {
  const { peer_account: account, peer_book: book, channel_number: number } = stored;
  if (account === null || book === null) return null;
  return { account, book, number: number === null ? null : Number(number) };
}
