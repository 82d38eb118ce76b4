import type { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { must } from '../../core/assert.ts';
import { RowKind } from '../../core/journal-row.ts';
import { INT64_MAX } from '../../core/limits.ts';
import { DRAWN_ON, type Original, originalOf } from '../../core/original.ts';
import { idsLiteral } from './array-literal.ts';
import type { Sql } from './connect.ts';

interface Row {
  id: string;
  kind: RowKind;
  reason: Reason;
  debit_account: bigint | null;
  credit_account: bigint | null;
  peer_account: bigint | null;
  amount: bigint | null;
  expires_micros: bigint | null;
  drawn_id: string | null;
  drawn_kind: RowKind | null;
  drawn_left: bigint | null;
  closing: boolean | null;
}

/**
 * Loads the rows among `ids` that captures, releases and reversals may name, and what is left
 * of each: one index step for a row and one for the newest that draws on it. A hold for a payee
 * in another book takes two more: no capture follows a final one before that is answered, so the
 * newest capture shows whether a final one is on its way.
 */
export async function loadOriginals(sql: Sql, ids: readonly string[]): Promise<Original[]> {
  const rows = await sql<Row[]>`
    SELECT j.id, j.kind, j.reason, j.debit_account, j.credit_account, j.peer_account, j.amount,
           (extract(epoch FROM j.expires_at) * 1000000)::int8 AS expires_micros, j.drawn_id,
           d.kind AS drawn_kind, d.drawn_left, c.closing
      FROM rows_at(ARRAY(SELECT seq FROM seqs_of(${idsLiteral(ids)}::uuid[], ${INT64_MAX}))) j
     CROSS JOIN LATERAL newest_draw(j.id, j.seq) d
      LEFT JOIN LATERAL (
             SELECT (e.options::json ->> 'final')::bool AND e.channel_number >
                    (SELECT settled FROM channel WHERE peer_book = e.peer_book) AS closing
               FROM journal e
              WHERE e.drawn_id = j.id AND e.drawn_left IS NOT NULL
                AND e.kind = ${RowKind.capture}
              ORDER BY e.seq DESC LIMIT 1) c
        ON j.kind = ${RowKind.hold} AND j.peer_book IS NOT NULL
     WHERE j.kind IN (${sql.unsafe([...DRAWN_ON].join(', '))})`;
  return rows.map(originalFrom);
}

function originalFrom(row: Row): Original {
  const { id, kind, reason, amount, peer_account: peer, expires_micros: expires } = row;
  const fresh = originalOf({
    id,
    kind,
    reason,
    debitAccount: row.debit_account,
    creditAccount: row.credit_account,
    amount,
    peer: peer === null ? null : { account: peer },
    details: {
      drawn: row.drawn_id === null ? null : { id: row.drawn_id, left: null },
      expiresAtMicros: expires === null ? null : Number(expires),
    },
  });
  const original = must(fresh, 'only rows that a request may name were read');
  const left = row.drawn_left ?? original.left;
  return {
    ...original,
    left,
    endedBy: kind === RowKind.hold && left === 0n ? row.drawn_kind : null,
    closing: row.closing ?? false,
  };
}
