import type { SweepCursor } from '../../core/post/command.ts';
import type { Sql } from './connect.ts';
import type { DueHolds } from '../stored-records.ts';

/** Holds that expire after the cursor and not after `nowMicros`, in that order; null: none. */
export async function readDueHolds(
  sql: Sql,
  after: SweepCursor,
  nowMicros: number,
  limit: number,
): Promise<DueHolds | null> {
  const rows = await sql<Row[]>`
    SELECT id, seq, (extract(epoch FROM expires_at) * 1000000)::int8 AS expires_micros,
           (SELECT seq FROM head) AS head_seq,
           (SELECT (extract(epoch FROM at) * 1000000)::int8 FROM head) AS head_micros
      FROM journal
     WHERE expires_at IS NOT NULL
       AND (expires_at, seq) > (${timestamp(sql, after.expiresAtMicros)}, ${after.seq})
       AND expires_at <= ${timestamp(sql, nowMicros)}
     ORDER BY expires_at, seq LIMIT ${limit}`;
  const last = rows.at(-1);
  if (last === undefined) return null;
  return {
    ids: rows.map(({ id }) => id),
    cursor: { expiresAtMicros: Number(last.expires_micros), seq: Number(last.seq) },
    seen: { seq: Number(last.head_seq), atMicros: Number(last.head_micros) },
  };
}

interface Row {
  readonly id: string;
  readonly seq: bigint;
  readonly expires_micros: bigint;
  readonly head_seq: bigint;
  readonly head_micros: bigint;
}

const timestamp = (sql: Sql, micros: number) =>
  sql`(timestamptz 'epoch' + ${micros}::int8 * interval '1 microsecond')`;
