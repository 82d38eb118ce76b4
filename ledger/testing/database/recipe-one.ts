import type { Append } from '../../store/append-batch.ts';
import { appendWithin } from '../../store/postgres/append.ts';
import type { Sql } from '../../store/postgres/connect.ts';
import { rowColumns } from '../../store/postgres/row-columns.ts';

/**
 * Appends a batch as the releases before recipe 2 did, into a book of either schema: its rows name
 * no recipe. `head.chainAfter` must be by recipe 1.
 */
export async function appendByRecipeOne(sql: Sql, batch: Append): Promise<void> {
  const { head, rows } = batch;
  await sql.begin(async (tx) => {
    const fenced = await appendWithin(tx, { ...batch, rows: [], rowBytes: undefined });
    if (!fenced) throw new Error('the head has moved');
    if (rows.length === 0) return;
    const columns = rowColumns(rows);
    const names = columns.map(({ name }) => name).join(', ');
    const arrays = columns.map(({ type }, index) => `$${index + 6}::${type}[]`).join(', ');
    await tx.unsafe(
      `INSERT INTO journal (seq, epoch, at, chain, ${names})
       SELECT $1::int8 + ordinal, $2::int8, timestamptz 'epoch' + $3::int8 * interval '1 microsecond',
              CASE WHEN ordinal = $4::int8 THEN $5::bytea END, ${names}
         FROM unnest(${arrays}) WITH ORDINALITY AS t(${names}, ordinal)`,
      [
        head.seqBefore,
        head.epochAfter,
        head.atMicros,
        rows.length,
        Buffer.from(head.chainAfter),
        ...columns.map(({ literal }) => literal),
      ],
    );
  });
}
