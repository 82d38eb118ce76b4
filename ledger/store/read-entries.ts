import { type Entry, Side } from '../../proto/gen/meridian/v1/ledger.ts';
import { RowKind } from '../core/journal-row.ts';
import { timestampFrom } from '../core/timestamp.ts';
import type { Sql } from './connect.ts';

export interface EntryPage {
  readonly account: bigint;
  /** Entries beyond this version, in the direction of reading; null: from the start. */
  readonly beyond: number | null;
  readonly newestFirst: boolean;
  readonly limit: number;
}

/** A page of an account's entries, by version. */
export async function readEntries(sql: Sql, book: number, page: EntryPage): Promise<Entry[]> {
  const { account, beyond, newestFirst, limit } = page;
  const order = newestFirst ? sql`DESC` : sql`ASC`;
  const bound =
    beyond === null ? sql`true` : newestFirst ? sql`version < ${beyond}` : sql`version > ${beyond}`;
  const rows = await sql`
    SELECT version, side, amount, counterparty, debits_after, credits_after, balance_after,
           transfer_id, kind, seq, epoch, key, code, reference, metadata,
           (extract(epoch FROM at) * 1000000)::int8 AS at_micros
      FROM entry WHERE account = ${account} AND ${bound}
     ORDER BY version ${order} LIMIT ${limit}`;
  return rows.map((row) => ({
    version: row['version'] as bigint,
    side: row['side'] === 'debit' ? Side.DEBIT : Side.CREDIT,
    amount: row['amount'] as bigint,
    counterpartyAccountId: row['counterparty'] as bigint,
    debitsAfter: row['debits_after'] as bigint,
    creditsAfter: row['credits_after'] as bigint,
    balanceAfter: row['balance_after'] as bigint,
    transferId: String(row['transfer_id']),
    idempotencyKey: (row['key'] as string | null) ?? '',
    code: Number(row['code'] ?? 0),
    reference: (row['reference'] as string | null) ?? '',
    metadata: (row['metadata'] as Record<string, string> | null) ?? {},
    returned: Number(row['kind']) === RowKind.return,
    position: { book, epoch: row['epoch'] as bigint, seq: row['seq'] as bigint },
    postedAt: timestampFrom(Number(row['at_micros'])),
  }));
}
