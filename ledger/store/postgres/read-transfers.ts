import { RowKind, TRANSFER_KINDS } from '../../core/journal-row.ts';
import { INT64_MAX } from '../../core/limits.ts';
import { storedLegs } from '../../core/validate/options.ts';
import { idsLiteral } from './array-literal.ts';
import type { Queries, Sql } from './connect.ts';
import { readSeen } from './read-position.ts';
import { withTimeLimit } from './time-limit.ts';
import { newestDraws, TRANSFER_COLUMNS } from './transfer-row.ts';
import type { Seen, StoredTransfer } from '../stored-records.ts';
import { type LegsWanted, TooManyBytes, TooManyLegs } from '../asked-pages.ts';
import { type TransferRow, storedTransfer } from '../stored-transfer.ts';

/**
 * The transfers among `ids` as the journal has them, by id: all that a caller has asked for by a
 * key, and legs of groups by their own ids. An id of something else, such as a change of an
 * account (readChanges), is treated as not found.
 *
 * @throws TooManyLegs if groups among them have more than `legsMax` legs together
 * @throws TooManyBytes if their metadata, or that of those legs, takes more than `bytesMax`
 */
export async function readTransfers(
  sql: Queries,
  book: number,
  ids: readonly string[],
  wanted: LegsWanted,
): Promise<Map<string, StoredTransfer>> {
  const { bytesMax = Number.MAX_SAFE_INTEGER } = wanted;
  const rows = await readRows(sql, 'id', ids, { rowsMax: ids.length, bytesMax });
  return withLegs(sql, book, rows, wanted);
}

/**
 * The same, with where the journal ended at the time. Only groups take more than one round
 * trip: their legs are read after them, in the same snapshot.
 */
export async function readTransfersSeen(
  sql: Sql,
  book: number,
  ids: readonly string[],
  wanted: LegsWanted,
): Promise<Seen<Map<string, StoredTransfer>>> {
  const { bytesMax = Number.MAX_SAFE_INTEGER } = wanted;
  const bounds = { rowsMax: ids.length, bytesMax };
  const { found, end } = await readSeen<BoundedRow>(sql, rowsOf(sql, 'id', ids, bounds));
  if (found.some(({ kind }) => kind === RowKind.group)) {
    return withTimeLimit(sql, 0, (snapshot) => readTransfers(snapshot, book, ids, wanted));
  }
  return { found: await withLegs(sql, book, within(found, bytesMax), wanted), end };
}

async function withLegs(
  sql: Queries,
  book: number,
  rows: readonly TransferRow[],
  { legsMax, bytesMax = Number.MAX_SAFE_INTEGER, wants }: LegsWanted,
): Promise<Map<string, StoredTransfer>> {
  const groups = rows.filter(
    ({ id, kind, options }) => kind === RowKind.group && wants(id, storedLegs(options ?? '')),
  );
  const legs = new Map<string, StoredTransfer[]>(groups.map(({ id }) => [id, []]));
  const legRows =
    groups.length === 0
      ? []
      : await readRows(sql, 'group_id', [...legs.keys()], { rowsMax: legsMax + 1, bytesMax });
  if (legRows.length > legsMax) throw new TooManyLegs(`there are more than ${legsMax} legs`);
  for (const row of legRows) legs.get(row.group_id ?? '')?.push(storedTransfer(row, book, null));
  return new Map(rows.map((row) => [row.id, storedTransfer(row, book, legs.get(row.id) ?? null)]));
}

/**
 * Rows of transfers that have one of these ids, or belong to one of these groups, in the order
 * of the journal: one query for all. OFFSET 0 keeps the planner from anything but one index
 * step for each id: with statistics that lag behind the journal it was seen to compare every
 * row with every id, which takes 40 s. Rows are cut by the database where they would take too much
 * memory here.
 */
async function readRows(
  sql: Queries,
  column: 'id' | 'group_id',
  ids: readonly string[],
  bounds: Bounds,
): Promise<readonly TransferRow[]> {
  return within(await rowsOf(sql, column, ids, bounds), bounds.bytesMax);
}

interface Bounds {
  readonly rowsMax: number;
  readonly bytesMax: number;
}

/** A row with the bytes of metadata up to and with it. */
type BoundedRow = TransferRow & { readonly bytes_through: bigint };

function within(rows: readonly BoundedRow[], bytesMax: number): readonly TransferRow[] {
  const most = rows.reduce(
    (max, { bytes_through }) => (bytes_through > max ? bytes_through : max),
    0n,
  );
  if (most > bytesMax) throw new TooManyBytes(`there are more than ${bytesMax} bytes`);
  return rows;
}

function rowsOf(
  sql: Queries,
  column: 'id' | 'group_id',
  ids: readonly string[],
  { rowsMax, bytesMax }: Bounds,
) {
  return sql<BoundedRow[]>`
    WITH page AS MATERIALIZED (
      SELECT found.*, sum(coalesce(octet_length(found.metadata::text), 0))
                        OVER (ORDER BY found.seq)::int8 AS bytes_through
        FROM ${column === 'id' ? rowsById(sql, ids) : legsOf(sql, ids)}
       WHERE found.kind IN (${sql.unsafe(TRANSFER_KINDS.join(', '))})
       ORDER BY found.seq LIMIT ${rowsMax})
    SELECT ${sql.unsafe(TRANSFER_COLUMNS)}, j.bytes_through
      FROM page j ${sql.unsafe(newestDraws('page'))}
     WHERE j.bytes_through - coalesce(octet_length(j.metadata::text), 0) <= ${bytesMax}
     ORDER BY j.seq`;
}

const rowsById = (sql: Queries, ids: readonly string[]) => sql`
  rows_at(ARRAY(SELECT seq FROM seqs_of(${idsLiteral(ids)}::uuid[], ${INT64_MAX}))) found`;

const legsOf = (sql: Queries, groups: readonly string[]) => sql`
  unnest(${idsLiteral(groups)}::uuid[]) AS wanted(id)
  CROSS JOIN LATERAL (SELECT * FROM journal WHERE journal.group_id = wanted.id OFFSET 0) found`;
