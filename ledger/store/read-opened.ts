import type { Account } from '../../proto/gen/meridian/v1/ledger.ts';
import type { OpenedAs } from '../core/same-request.ts';
import { timestampFrom } from '../core/timestamp.ts';
import { textsLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';
import type { Book } from './head.ts';

/** An account as it was opened, and the row that says so. */
export interface StoredOpening {
  readonly account: Account;
  readonly openedAs: OpenedAs;
  readonly epoch: bigint;
  readonly seq: bigint;
}

/** The openings of the accounts among these external ids, by external id. */
export async function readOpened(
  sql: Sql,
  book: Book,
  externalIds: readonly string[],
): Promise<Map<string, StoredOpening>> {
  const rows = await sql`
    SELECT a.id, a.external_id, a.asset, a.min_balance, a.max_balance, a.metadata,
           j.epoch, j.seq, (extract(epoch FROM j.at) * 1000000)::int8 AS at_micros
      FROM account a JOIN journal j ON j.seq = a.opened_seq
     WHERE a.external_id = ANY(${textsLiteral(externalIds)}::text[])`;
  return new Map(rows.map((row) => [String(row['external_id']), openingFrom(row, book)]));
}

function openingFrom(row: Record<string, unknown>, book: Book): StoredOpening {
  const openedAs = {
    asset: String(row['asset']),
    minBalance: row['min_balance'] as bigint | null,
    maxBalance: row['max_balance'] as bigint | null,
    metadata: (row['metadata'] as Record<string, string> | null) ?? {},
  };
  const id = row['id'] as bigint;
  const externalId = String(row['external_id']);
  return {
    account: openedAccount(book, id, externalId, openedAs, Number(row['at_micros'])),
    openedAs,
    epoch: row['epoch'] as bigint,
    seq: row['seq'] as bigint,
  };
}

/** An account at the moment of its opening, as callers see it. */
export function openedAccount(
  book: Book,
  id: bigint,
  externalId: string,
  openedAs: OpenedAs,
  atMicros: number,
): Account {
  return {
    id,
    externalId,
    homeRegion: book.region,
    book: book.name,
    asset: openedAs.asset,
    minBalance: openedAs.minBalance ?? undefined,
    maxBalance: openedAs.maxBalance ?? undefined,
    metadata: { ...openedAs.metadata },
    debits: 0n,
    credits: 0n,
    balance: 0n,
    version: 0n,
    openedAt: timestampFrom(atMicros),
  };
}
