import { assert, must } from '../../core/assert.ts';
import { CHAIN_RECIPE } from '../../core/chain.ts';
import {
  chainTail,
  FULL_COLUMNS,
  PLAIN_COLUMNS,
  PLAIN_ROW_BYTES,
  type PlainRows,
  type RowBytes,
  type RowRun,
  startOf,
  TAIL_BYTES,
} from '../../core/row-bytes.ts';

/** A COPY of rows into the journal and the bytes that it is sent. */
export interface CopyStatement {
  readonly statement: string;
  readonly data: readonly Uint8Array[];
}

const copyInto = (columns: readonly string[]) =>
  `COPY journal (${columns.join(', ')}) FROM STDIN (FORMAT binary)`;

const PLAIN_COPY = copyInto(PLAIN_COLUMNS);
const FULL_COPY = copyInto(FULL_COLUMNS);
/** Signature, flags and length of the header's extension. */
const HEADER = Buffer.from('PGCOPY\n\u00FF\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const TRAILER = Buffer.from([0xff, 0xff]);

/**
 * The COPYs that write a batch's rows: one for each form of row that occurs. The bytes that the
 * chain was hashed over are sent as they are, but for the two NULLs at the end of the last row.
 *
 * @param plain the first rows of the batch
 * @param rows those after them
 */
export function copyStatements(
  plain: PlainRows | null,
  { bytes, runs }: RowBytes,
  chain: Uint8Array,
): CopyStatement[] {
  const parts = { plain: [] as Uint8Array[], full: [] as Uint8Array[] };
  let last: Uint8Array[] | undefined;
  const add = (rows: Uint8Array, of: readonly RowRun[]) => {
    let start = 0;
    for (const { full, end } of of) {
      last = full ? parts.full : parts.plain;
      last.push(rows.subarray(start, end));
      start = end;
    }
  };
  if (plain !== null) add(plain.bytes, runsOf(plain));
  add(bytes, runs);
  const lastPart = must(last?.pop(), 'a batch that is copied has rows');
  assert(lastPart.length > TAIL_BYTES, 'a row ends with its chain value and recipe');
  last?.push(lastPart.subarray(0, -TAIL_BYTES), chainTail(chain, CHAIN_RECIPE));
  const copies = [
    { statement: FULL_COPY, rows: parts.full },
    { statement: PLAIN_COPY, rows: parts.plain },
  ];
  return copies
    .filter((copy) => copy.rows.length > 0)
    .map((copy) => ({ statement: copy.statement, data: [HEADER, ...copy.rows, TRAILER] }));
}

/** Runs of rows of one form. */
function runsOf(rows: PlainRows): RowRun[] {
  const { count, bytes, starts } = rows;
  if (count === 0) return [];
  if (starts === undefined) return [{ full: false, end: bytes.length }];
  const runs: { full: boolean; end: number }[] = [];
  for (let index = 0; index < count; index += 1) {
    const end = startOf(rows, index + 1);
    const full = end - startOf(rows, index) !== PLAIN_ROW_BYTES;
    const run = runs.at(-1);
    if (run?.full === full) run.end = end;
    else runs.push({ full, end });
  }
  return runs;
}
