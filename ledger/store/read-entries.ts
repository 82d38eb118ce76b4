import { type Entry, Side } from '../../proto/gen/meridian/v1/ledger.ts';
import { RowKind } from '../core/journal-row.ts';
import { timestampFrom } from '../core/timestamp.ts';
import type { Sql } from './connect.ts';

interface Row {
  version: bigint;
  side: 'debit' | 'credit';
  amount: bigint;
  counterparty: bigint;
  debits_after: bigint;
  credits_after: bigint;
  balance_after: bigint;
  transfer_id: string;
  kind: number;
  seq: bigint;
  epoch: bigint;
  key: string | null;
  code: number | null;
  reference: string | null;
  metadata: Record<string, string> | null;
  at_micros: bigint;
}

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
  const rows = await sql<Row[]>`
    SELECT version, side, amount, counterparty, debits_after, credits_after, balance_after,
           transfer_id, kind, seq, epoch, key, code, reference, metadata,
           (extract(epoch FROM at) * 1000000)::int8 AS at_micros
      FROM entry WHERE account = ${account} AND ${bound}
     ORDER BY version ${order} LIMIT ${limit}`;
  return rows.map((row) => ({
    version: row.version,
    side: row.side === 'debit' ? Side.DEBIT : Side.CREDIT,
    amount: row.amount,
    counterpartyAccountId: row.counterparty,
    debitsAfter: row.debits_after,
    creditsAfter: row.credits_after,
    balanceAfter: row.balance_after,
    transferId: row.transfer_id,
    idempotencyKey: row.key ?? '',
    code: row.code ?? 0,
    reference: row.reference ?? '',
    metadata: row.metadata ?? {},
    returned: row.kind === RowKind.return,
    position: { book, epoch: row.epoch, seq: row.seq },
    postedAt: timestampFrom(Number(row.at_micros)),
  }));
}
