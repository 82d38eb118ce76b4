import type { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { RowKind } from '../../core/journal-row.ts';
import { INT64_MAX } from '../../core/limits.ts';
import { storedChange } from '../../core/validate/options.ts';
import { timestampFrom } from '../../core/timestamp.ts';
import { idsLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';
import type { StoredChange } from '../stored-records.ts';

interface Row {
  id: string;
  seq: bigint;
  epoch: bigint;
  reason: Reason;
  account: bigint;
  changed_by: string | null;
  reference: string | null;
  options: string;
  metadata: Record<string, string> | null;
  at_micros: bigint;
}

/** The changes of accounts among `ids` as the journal has them, by id. */
export async function readChanges(
  sql: Sql,
  book: number,
  ids: readonly string[],
): Promise<Map<string, StoredChange>> {
  const rows = await sql<Row[]>`
    SELECT j.id, j.seq, j.epoch, j.reason, j.credit_account AS account, j.changed_by, j.reference,
           j.options, j.metadata, (extract(epoch FROM j.at) * 1000000)::int8 AS at_micros
      FROM rows_at(ARRAY(SELECT seq FROM seqs_of(${idsLiteral(ids)}::uuid[], ${INT64_MAX}))) j
     WHERE j.kind = ${RowKind.change}`;
  return new Map(rows.map((row) => [row.id, changeFrom(row, book)]));
}

function changeFrom(row: Row, book: number): StoredChange {
  return {
    request: {
      accountId: row.account,
      by: row.changed_by ?? '',
      why: row.reference ?? '',
      ...storedChange(row.options, row.metadata ?? {}),
    },
    reason: row.reason,
    position: { book, epoch: row.epoch, seq: row.seq },
    decidedAt: timestampFrom(Number(row.at_micros)),
  };
}
