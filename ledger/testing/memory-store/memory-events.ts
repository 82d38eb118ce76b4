import type { Event } from '../../../proto/gen/meridian/v1/event.ts';
import type { JournalRow } from '../../core/journal-row.ts';
import type { EventPage } from '../../store/asked-pages.ts';
import { eventFrom, type EventRow } from '../../store/stored-event.ts';
import type { MemoryBook } from './memory-book.ts';

/** Rows of the journal as events, in order of seq. */
export function eventsOf(book: MemoryBook, { account, after, through, limit }: EventPage): Event[] {
  const last = after + limit;
  const rows =
    account === null
      ? book.rows.filter(({ seq }) => seq > after && seq <= last)
      : (book.entries.get(account) ?? [])
          .filter(({ version }) => version > after && version <= last)
          .map(({ row }) => row);
  return rows
    .filter(({ seq }) => seq <= through)
    .map((row) => eventFrom(eventRow(book, row), book.book.number));
}

function eventRow(book: MemoryBook, row: JournalRow): EventRow {
  const { debitAccount, creditAccount, entries, details } = row;
  const held = entries?.held;
  const assetOf = (id: bigint | null) => {
    const opened = book.accounts.get(id ?? 0n);
    return opened !== undefined && opened.seq <= row.seq ? opened.account.asset : undefined;
  };
  const named = row.asset === '' ? undefined : row.asset;
  const drawnId = details?.drawn?.id ?? null;
  const expires = details?.expiresAtMicros ?? null;
  return {
    seq: BigInt(row.seq),
    epoch: BigInt(row.epoch),
    id: row.id,
    kind: row.kind,
    reason: row.reason,
    debit_account: debitAccount,
    credit_account: creditAccount,
    amount: row.amount,
    debit_version: bigintOf(entries?.debitVersion),
    debit_debits: entries?.debitDebits ?? 0n,
    debit_credits: entries?.debitCredits ?? 0n,
    debit_held_debits: held?.debitHeldDebits ?? 0n,
    debit_held_credits: held?.debitHeldCredits ?? 0n,
    credit_version: bigintOf(entries?.creditVersion),
    credit_debits: entries?.creditDebits ?? 0n,
    credit_credits: entries?.creditCredits ?? 0n,
    credit_held_debits: held?.creditHeldDebits ?? 0n,
    credit_held_credits: held?.creditHeldCredits ?? 0n,
    peer_account: row.peer?.account ?? null,
    origin_id: row.originId,
    namespace: row.namespace,
    key: row.key === '' ? null : row.key,
    asset: named ?? assetOf(debitAccount) ?? assetOf(creditAccount) ?? null,
    code: row.code,
    reference: row.reference,
    metadata: { ...row.metadata },
    // A transfer that came from another book is named by its settlement here.
    drawn_id: book.byId.get(drawnId ?? '')?.originId ?? drawnId,
    drawn_left: details?.drawn?.left ?? null,
    group_id: details?.groupId ?? null,
    options: details === null || details.options === '' ? null : details.options,
    changed_by: details?.by ?? null,
    at_micros: BigInt(row.atMicros),
    expires_micros: bigintOf(expires),
  };
}

const bigintOf = (value: number | null | undefined) =>
  value === null || value === undefined ? null : BigInt(value);
