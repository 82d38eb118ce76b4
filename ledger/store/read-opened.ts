import type { Account } from '../../proto/gen/meridian/v1/ledger.ts';
import type { OpenedAs } from '../core/same-request.ts';
import { timestampFrom } from '../core/timestamp.ts';
import { textsLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';
import type { Book } from './head.ts';

interface Row {
  id: bigint;
  external_id: string;
  asset: string;
  min_balance: bigint | null;
  max_balance: bigint | null;
  metadata: Record<string, string> | null;
  epoch: bigint;
  seq: bigint;
  at_micros: bigint;
}

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
  const rows = await sql<Row[]>`
    SELECT a.id, a.external_id, a.asset, a.min_balance, a.max_balance, a.metadata,
           j.epoch, j.seq, (extract(epoch FROM j.at) * 1000000)::int8 AS at_micros
      FROM account a JOIN journal j ON j.seq = a.opened_seq
     WHERE a.external_id = ANY(${textsLiteral(externalIds)}::text[])`;
  return new Map(rows.map((row) => [row.external_id, openingFrom(row, book)]));
}

function openingFrom(row: Row, book: Book): StoredOpening {
  const openedAs = {
    asset: row.asset,
    minBalance: row.min_balance,
    maxBalance: row.max_balance,
    metadata: row.metadata ?? {},
  };
  const id = row.id;
  const externalId = row.external_id;
  return {
    account: openedAccount(book, id, externalId, openedAs, Number(row.at_micros)),
    openedAs,
    epoch: row.epoch,
    seq: row.seq,
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
