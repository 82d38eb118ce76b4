import { accountFrom, NO_TOTALS } from '../account-row.ts';
import { textsLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';
import type { Book } from '../../core/book.ts';
import type { StoredOpening } from '../stored-records.ts';

interface Row {
  id: bigint;
  external_id: string;
  asset: string;
  scale: number | null;
  min_balance: bigint | null;
  max_balance: bigint | null;
  metadata: Record<string, string> | null;
  epoch: bigint;
  seq: bigint;
  at_micros: bigint;
}

/** The openings of the accounts among these external ids, by external id. */
export async function readOpened(
  sql: Sql,
  book: Book,
  externalIds: readonly string[],
): Promise<Map<string, StoredOpening>> {
  const rows = await sql<Row[]>`
    SELECT a.id, a.external_id, a.asset, s.scale, a.min_balance, a.max_balance, a.metadata,
           j.epoch, j.seq, (extract(epoch FROM j.at) * 1000000)::int8 AS at_micros
      FROM account a
      JOIN journal j ON j.seq = a.opened_seq
      LEFT JOIN asset s ON s.asset = a.asset
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
  return {
    account: accountFrom({ ...row, flags: 0, opened_micros: row.at_micros }, NO_TOTALS, book),
    openedAs,
    epoch: row.epoch,
    seq: row.seq,
  };
}
