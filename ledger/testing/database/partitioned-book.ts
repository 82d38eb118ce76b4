import { accountId } from '../../core/account-id.ts';
import { RowKind } from '../../core/journal-row.ts';
import { derivedId } from '../../core/transfer-id.ts';
import type { Sql } from '../../store/postgres/connect.ts';

/** Accounts that are used in turn: each pays one transfer of a round and receives another one. */
export const TURNING = 1_000;

/** Opened after those, and used in the first rows alone, if at all. */
export const COLD = accountId(1, TURNING + 1);
export const UNUSED = accountId(1, TURNING + 2);

/** The account that pays the row of this seq; the one half a round further receives it. */
export const payerOf = (seq: number) => accountId(1, 1 + ((seq - 1) % TURNING));

/** The id of the row of this seq: a UUID of version 7, of the time of the row. */
export function idOfRow(seq: number): string {
  const at = (Date.UTC(2026, 0, 1) + seq * 1_000).toString(16).padStart(12, '0');
  const rest = derivedId('partitioned', String(seq)).slice(14);
  return `${at.slice(0, 8)}-${at.slice(8)}-7${rest.slice(1)}`;
}

/**
 * Fills an empty journal with partitions of plain transfers, past the ledger: no chain. Row 7 is
 * a transfer of the cold account, row 9 a hold, of which the last row captures a part. Every
 * 500th row has a code, a reference and metadata.
 */
export async function fillPartitions(
  admin: Sql,
  { partitions, rows }: { readonly partitions: number; readonly rows: number },
): Promise<void> {
  await admin`SELECT journal_start(${rows})`;
  for (let added = 1; added < partitions; added += 1) {
    await admin`SELECT journal_add_partition(${rows}, true)`;
  }
  const last = partitions * rows;
  await openAccounts(admin);
  await admin`
    INSERT INTO head (book, name, region, instance, epoch, leader, seq, chain, at, accounts)
    VALUES (1, 'eu-west-1', 'eu-west', gen_random_uuid(), 1, 'a:1', ${last},
            ${Buffer.alloc(32)}, now(), ${TURNING + 2})`;
  for (let after = 0; after < last; after += 100_000) {
    await fill(admin, after, Math.min(after + 100_000, last), last);
  }
  await admin`ANALYZE journal`;
}

async function openAccounts(admin: Sql): Promise<void> {
  await admin`
    INSERT INTO account (id, external_id, asset, transit, opened_seq, opened_at)
    SELECT ${accountId(1, 1)}::int8 - 1 + number, 'account-' || number, 'EUR', false, 0, '2025-12-31'
      FROM generate_series(1, ${TURNING + 2}::int) AS number`;
}

/** In a round an account of the first half pays before it receives, and one of the other after. */
async function fill(admin: Sql, after: number, through: number, last: number): Promise<void> {
  const ids = Array.from({ length: through - after }, (_, index) => idOfRow(after + 1 + index));
  await admin`
    INSERT INTO journal (seq, epoch, id, kind, reason, debit_account, credit_account, amount,
      debit_version, credit_version, debit_debits, debit_credits, credit_debits, credit_credits,
      drawn_id, drawn_left, code, reference, metadata, at)
    SELECT seq, 1, id,
           CASE seq WHEN 9 THEN ${RowKind.hold}::int WHEN ${last} THEN ${RowKind.capture}::int
                    ELSE ${RowKind.transfer}::int END, 0,
           CASE seq WHEN 7 THEN ${COLD}::int8 ELSE first + turn END,
           first + (turn + ${TURNING / 2}) % ${TURNING}, 10,
           CASE seq WHEN 7 THEN 1 ELSE version - (turn = 6)::int END,
           version - (turn = ${6 + TURNING / 2})::int, seq, seq, seq, seq,
           CASE seq WHEN ${last} THEN ${idOfRow(9)}::uuid END, CASE seq WHEN ${last} THEN 4 END,
           CASE WHEN seq % 500 = 0 THEN 17 END,
           CASE WHEN seq % 500 = 0 THEN 'reference ' || seq END,
           CASE WHEN seq % 500 = 0 THEN jsonb_build_object('order', seq::text) END,
           timestamptz '2026-01-01 00:00:00Z' + seq * interval '1 second'
      FROM (SELECT ${after}::int8 + place AS seq, id, ${accountId(1, 1)}::int8 AS first, turn,
                   2 * round + CASE WHEN turn < ${TURNING / 2} THEN 1 ELSE 2 END AS version
              FROM unnest(${`{${ids.join(',')}}`}::uuid[]) WITH ORDINALITY AS made(id, place)
             CROSS JOIN LATERAL (SELECT (${after}::int8 + place - 1) % ${TURNING} AS turn,
                                        (${after}::int8 + place - 1) / ${TURNING} AS round) t) r`;
}
