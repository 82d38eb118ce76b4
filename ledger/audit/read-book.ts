import type postgres from 'postgres';

import type { ChannelHash, Divergence } from '../core/channel.ts';
import type { AuditedAccount } from './account-fold.ts';
import type { AssetRow } from './asset-registry.ts';

export type AuditSql = postgres.ReservedSql<{ bigint: bigint }>;

/** Rows that one step of a cursor fetches. */
export const FETCH_SIZE = 2_000;

/** The head and the cursors of a book at the moment of its snapshot. */
export interface BookHead {
  readonly book: number;
  readonly name: string;
  readonly region: string;
  readonly epoch: number;
  readonly seq: number;
  readonly chain: Uint8Array;
  readonly accounts: number;
  readonly atMicros: number;
  /** Every hold up to here, by its expiry and then its row, has been looked at. */
  readonly sweptAtMicros: number;
  readonly sweptSeq: number;
  /** When the snapshot was taken, by the clock of the database. */
  readonly nowMicros: number;
}

export interface ChannelRow {
  readonly peerBook: number;
  readonly sent: number;
  readonly settled: number;
  readonly applied: number;
  /** SHA-256 over the legs that left, and through which number. */
  readonly settledHash: ChannelHash;
  readonly appliedHash: ChannelHash;
  readonly diverged: Divergence | null;
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
      at: bigint;
      swept_at: bigint;
      swept_seq: bigint;
      now: bigint;
    }[]
  >`SELECT book, name, region, epoch, seq, chain, accounts, swept_seq,
           (extract(epoch FROM at) * 1000000)::int8 AS at,
           (extract(epoch FROM swept_at) * 1000000)::int8 AS swept_at,
           (extract(epoch FROM now()) * 1000000)::int8 AS now
      FROM head`;
  if (!row) return undefined;
  const { book, name, region, chain } = row;
  return {
    book,
    name,
    region,
    epoch: Number(row.epoch),
    seq: Number(row.seq),
    chain,
    accounts: Number(row.accounts),
    atMicros: Number(row.at),
    sweptAtMicros: Number(row.swept_at),
    sweptSeq: Number(row.swept_seq),
    nowMicros: Number(row.now),
  };
}

export async function readChannels(sql: AuditSql): Promise<ChannelRow[]> {
  const rows = await sql<
    {
      peer_book: number;
      sent: bigint;
      settled: bigint;
      applied: bigint;
      settled_hashed: bigint;
      settled_hash: string;
      applied_hashed: bigint;
      applied_hash: string;
      diverged_book: number | null;
      diverged_number: bigint | null;
      diverged_why: string | null;
    }[]
  >`SELECT peer_book, sent, settled, applied, settled_hashed, applied_hashed,
           encode(settled_hash, 'hex') AS settled_hash, encode(applied_hash, 'hex') AS applied_hash,
           diverged_book, diverged_number, diverged_why
      FROM channel ORDER BY peer_book`;
  return rows.map((row) => ({
    peerBook: row.peer_book,
    sent: Number(row.sent),
    settled: Number(row.settled),
    applied: Number(row.applied),
    settledHash: { through: Number(row.settled_hashed), value: row.settled_hash },
    appliedHash: { through: Number(row.applied_hashed), value: row.applied_hash },
    diverged:
      row.diverged_book === null
        ? null
        : {
            book: row.diverged_book,
            number: Number(row.diverged_number),
            why: row.diverged_why ?? '',
          },
  }));
}

/** All accounts, transit accounts included. */
export async function readAccounts(sql: AuditSql): Promise<AuditedAccount[]> {
  const accounts: AuditedAccount[] = [];
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

export async function readAssets(sql: AuditSql): Promise<AssetRow[]> {
  const rows = await sql<{ asset: string; scale: number; registered_seq: bigint }[]>`
    SELECT asset, scale, registered_seq FROM asset ORDER BY asset`;
  return rows.map(({ asset, scale, registered_seq: seq }) => ({
    asset,
    scale,
    registeredSeq: Number(seq),
  }));
}

/** Since when captures that come back are held again; Infinity if that is not so yet. */
export async function readHeldAgainSince(sql: AuditSql): Promise<number> {
  const [row] = await sql<{ at: bigint }[]>`
    SELECT (extract(epoch FROM applied_at) * 1000000)::int8 AS at FROM migration
     WHERE name = '0005_captures_that_return.sql'`;
  return row === undefined ? Infinity : Number(row.at);
}

/** Since when accounts of this book can only be opened with assets that are known. */
export async function readCompleteSince(sql: AuditSql): Promise<number> {
  const [row] = await sql<{ at: bigint }[]>`
    SELECT (extract(epoch FROM applied_at) * 1000000)::int8 AS at FROM migration
     WHERE name = '0002_complete_ledger.sql'`;
  return Number(row?.at ?? 0);
}
