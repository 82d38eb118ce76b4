import type postgres from 'postgres';

import type { JournalRow, RowKind } from '../../ledger/core/journal-row.ts';
import type { Reason } from '../../proto/gen/meridian/v1/ledger.ts';
import type { AccountRow } from './journal-scan.ts';

export type AuditSql = postgres.ReservedSql<{ bigint: bigint }>;

/** Rows that one step of a cursor fetches. */
export const FETCH_SIZE = 2_000;

/** What the head and the cursors of a book say at the moment of its snapshot. */
export interface BookHead {
  readonly book: number;
  readonly name: string;
  readonly region: string;
  readonly epoch: number;
  readonly seq: number;
  readonly chain: Uint8Array;
  readonly accounts: number;
}

export interface ChannelRow {
  readonly peerBook: number;
  readonly sent: number;
  readonly settled: number;
  readonly applied: number;
}

/** The head row; undefined when the book has never been served. */
export async function readHead(sql: AuditSql): Promise<BookHead | undefined> {
  const [row] = await sql<
    {
      book: number;
      name: string;
      region: string;
      epoch: bigint;
      seq: bigint;
      chain: Uint8Array;
      accounts: bigint;
    }[]
  >`SELECT book, name, region, epoch, seq, chain, accounts FROM head`;
  if (!row) return undefined;
  const { epoch, seq, accounts } = row;
  return { ...row, epoch: Number(epoch), seq: Number(seq), accounts: Number(accounts) };
}

export async function readChannels(sql: AuditSql): Promise<ChannelRow[]> {
  const rows = await sql<{ peer_book: number; sent: bigint; settled: bigint; applied: bigint }[]>`
    SELECT peer_book, sent, settled, applied FROM channel ORDER BY peer_book`;
  return rows.map((row) => ({
    peerBook: row.peer_book,
    sent: Number(row.sent),
    settled: Number(row.settled),
    applied: Number(row.applied),
  }));
}

/** All accounts, transit accounts included. */
export async function readAccounts(sql: AuditSql): Promise<AccountRow[]> {
  const accounts: AccountRow[] = [];
  const cursor = sql<
    {
      id: bigint;
      external_id: string;
      asset: string;
      min_balance: bigint | null;
      max_balance: bigint | null;
      transit: boolean;
      opened_seq: bigint;
    }[]
  >`SELECT id, external_id, asset, min_balance, max_balance, transit, opened_seq FROM account`;
  for await (const rows of cursor.cursor(FETCH_SIZE)) {
    for (const row of rows) {
      accounts.push({
        id: row.id,
        externalId: row.external_id,
        asset: row.asset,
        minBalance: row.min_balance,
        maxBalance: row.max_balance,
        transit: row.transit,
        openedSeq: Number(row.opened_seq),
      });
    }
  }
  return accounts;
}

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
  readonly chain: Uint8Array | null;
}

/** The journal in order of seq, a few thousand rows at a time. */
export async function* readJournal(
  sql: AuditSql,
): AsyncGenerator<{ row: JournalRow; chain: Uint8Array | null }[]> {
  const cursor = sql<StoredRow[]>`
    SELECT seq, epoch, id, kind, reason, debit_account, credit_account, amount,
           debit_version, credit_version, debit_debits, debit_credits, credit_debits,
           credit_credits, peer_account, peer_book, channel_number, origin_id, namespace, key,
           asset, code, reference, metadata, chain,
           (extract(epoch FROM at) * 1000000)::int8 AS at_micros
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
  };
}

function entriesFrom(stored: StoredRow): JournalRow['entries'] {
  const { debit_version: debitVersion, credit_version: creditVersion } = stored;
  if (debitVersion === null || creditVersion === null) return null;
  return {
    debitVersion: Number(debitVersion),
    creditVersion: Number(creditVersion),
    debitDebits: stored.debit_debits ?? 0n,
    debitCredits: stored.debit_credits ?? 0n,
    creditDebits: stored.credit_debits ?? 0n,
    creditCredits: stored.credit_credits ?? 0n,
  };
}

function peerFrom(stored: StoredRow): JournalRow['peer'] {
  const { peer_account: account, peer_book: book, channel_number: number } = stored;
  if (account === null || book === null) return null;
  return { account, book, number: number === null ? null : Number(number) };
}
