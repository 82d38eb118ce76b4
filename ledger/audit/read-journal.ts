import { decodeRow, tupleEnd } from '../core/decode-rows.ts';
import { FULL_COLUMNS } from '../core/row-bytes.ts';
import type { ChainedRow } from './chain-fold.ts';
import { type AuditSql, FETCH_SIZE } from './read-book.ts';

/** What a COPY begins with: signature, flags, length of an extension that it does not have. */
const HEADER_BYTES = 19;

/**
 * The journal in order of seq, a few thousand rows at a time, each with its bytes in the database.
 * The connection serves nothing else meanwhile.
 *
 * @throws Error if the connection is lost on the way
 */
export async function* readJournal(sql: AuditSql): AsyncGenerator<ChainedRow[]> {
  const copy = `COPY (SELECT ${await columnsOf(sql)} FROM journal ORDER BY seq)
                  TO STDOUT (FORMAT binary)`;
  const chunks: AsyncIterable<Buffer> = await sql.unsafe(copy).readable();
  let rows: ChainedRow[] = [];
  let rest: Buffer = Buffer.alloc(0);
  let at = HEADER_BYTES;
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = tupleEnd(rest, at); end !== undefined; end = tupleEnd(rest, at)) {
      rows.push(decodeRow(rest, at));
      at = end;
      if (rows.length < FETCH_SIZE) continue;
      yield rows;
      rows = [];
    }
    const read = Math.min(at, rest.length);
    rest = rest.subarray(read);
    at -= read;
  }
  if (rows.length > 0) yield rows;
}

/** The columns of a row's full form: a book that is not upgraded yet names no recipe. */
async function columnsOf(sql: AuditSql): Promise<string> {
  const upgraded = await sql`SELECT 1 FROM migration WHERE name = '0009_chain_recipe.sql'`;
  const columns = FULL_COLUMNS.join(', ');
  return upgraded.length > 0 ? columns : columns.replace('chain_recipe', 'NULL::int2');
}
