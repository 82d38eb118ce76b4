import { numbersLiteral } from './array-literal.ts';
import type { Queries } from './connect.ts';

/**
 * The newest place in the journal at or before each time (microseconds since 1970), by time;
 * zero if there is none. Times grow with places, so each is found by halving the journal.
 */
export async function readSeqs(
  sql: Queries,
  micros: readonly bigint[],
): Promise<ReadonlyMap<bigint, bigint>> {
  if (micros.length === 0) return new Map();
  const rows = await sql<{ bound: bigint; seq: bigint }[]>`
    WITH RECURSIVE halving AS (
      SELECT bound, 0::int8 AS low,
             COALESCE((SELECT seq FROM journal ORDER BY seq DESC LIMIT 1), 0) AS high
        FROM unnest(${numbersLiteral(micros)}::int8[]) AS bound
       UNION ALL
      SELECT bound, CASE WHEN fits THEN middle ELSE low END,
             CASE WHEN fits THEN high ELSE middle - 1 END
        FROM halving
       CROSS JOIN LATERAL (SELECT (low + high + 1) / 2 AS middle) m
       CROSS JOIN LATERAL (
              SELECT (extract(epoch FROM at) * 1000000)::int8 <= bound AS fits
                FROM journal WHERE seq = middle OFFSET 0) p
       WHERE low < high
    )
    SELECT bound, low AS seq FROM halving WHERE low = high`;
  return new Map(rows.map(({ bound, seq }) => [bound, seq]));
}
