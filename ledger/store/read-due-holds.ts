import type { SweepCursor } from '../core/command.ts';
import type { Sql } from './connect.ts';

/** A hold whose time is up, ended or not. */
export interface DueHold {
  readonly id: string;
  readonly cursor: SweepCursor;
}

/** Holds that expire after the cursor and not after `nowMicros`, in that order. */
export async function readDueHolds(
  sql: Sql,
  after: SweepCursor,
  nowMicros: number,
  limit: number,
): Promise<DueHold[]> {
  const rows = await sql<{ id: string; seq: bigint; expires_micros: bigint }[]>`
    SELECT id, seq, (extract(epoch FROM expires_at) * 1000000)::int8 AS expires_micros
      FROM journal
     WHERE expires_at IS NOT NULL
       AND (expires_at, seq) > (${timestamp(sql, after.expiresAtMicros)}, ${after.seq})
       AND expires_at <= ${timestamp(sql, nowMicros)}
     ORDER BY expires_at, seq LIMIT ${limit}`;
  return rows.map(({ id, seq, expires_micros: expiresMicros }) => ({
    id,
    cursor: { expiresAtMicros: Number(expiresMicros), seq: Number(seq) },
  }));
}

const timestamp = (sql: Sql, micros: number) =>
  sql`(timestamptz 'epoch' + ${micros}::int8 * interval '1 microsecond')`;
