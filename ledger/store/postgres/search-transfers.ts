import type { Transfer } from '../../../proto/gen/meridian/v1/transfer.ts';
import { RowKind, TRANSFER_KINDS } from '../../core/journal-row.ts';
import { INT64_MAX } from '../../core/limits.ts';
import { numbersLiteral } from './array-literal.ts';
import type { Queries } from './connect.ts';
import { readSeqs } from './read-seqs.ts';
import { readStates } from './read-states.ts';
import { type Bind, filterCondition, filterRange, type SeqAt } from './transfer-filter.ts';
import { newestDraws, TRANSFER_COLUMNS } from './transfer-row.ts';
import { filterTimes } from '../filter-times.ts';
import { EVERYWHERE, type SeqRange, type TransferSearch } from '../asked-pages.ts';
import { type TransferRow, storedTransfer } from '../stored-transfer.ts';

const KINDS = [...TRANSFER_KINDS, RowKind.settlement].join(', ');

/**
 * A page of the transfers that pass a filter, by their place in the journal. Legs of groups
 * stand on their own, and groups without them.
 *
 * @throws PostgresError of isTimeUp if it takes longer than the transaction may
 */
export async function searchTransfers(
  sql: Queries,
  book: number,
  search: TransferSearch,
): Promise<Transfer[]> {
  const { filter, newestFirst } = search;
  const seqAt = await readSeqs(sql, filterTimes(filter));
  const passing = filter === undefined ? EVERYWHERE : filterRange(filter, seqAt);
  const after = passing.after > search.within.after ? passing.after : search.within.after;
  const through = passing.through < search.within.through ? passing.through : search.within.through;
  if (after >= through) return [];

  const places = await findPlaces(sql, search, { after, through }, seqAt);
  // The columns that look into other rows are made for the page alone, not for all that passes.
  const rows = await sql<TransferRow[]>`
    WITH page AS MATERIALIZED (SELECT * FROM rows_at(${numbersLiteral(places)}::int8[]))
    SELECT ${sql.unsafe(TRANSFER_COLUMNS)} FROM page j ${sql.unsafe(newestDraws('page'))}
     ORDER BY j.seq ${newestFirst ? sql`DESC` : sql`ASC`}`;
  return rows.map((row) => storedTransfer(row, book, null).transfer);
}

/**
 * Seqs of the page. The range is gone through in windows, the first of which is a 64th of the
 * journal and a thousand rows, each of the others twice as wide as the one before: a page that is full early is read
 * from few partitions. Filters make statements that are planned each time: the ends of a window are
 * written into those, so that the planner looks at no other partitions.
 */
async function findPlaces(
  sql: Queries,
  search: TransferSearch,
  range: SeqRange,
  seqAt: SeqAt,
): Promise<bigint[]> {
  const { account, newestFirst, limit } = search;
  const newest = await readNewestSeq(sql);
  const versions = account === null ? undefined : await versionsIn(sql, account, range, newest);
  const places: bigint[] = [];
  for (const window of windowsOf(range, newest, newestFirst)) {
    const missing = limit - places.length;
    const { text, values } = windowQuery(search, { seqAt, versions, window, limit: missing });
    const prepare = search.filter === undefined;
    const rows = await sql.unsafe<{ seq: bigint }[]>(text, values, { prepare });
    places.push(...rows.map(({ seq }) => seq));
    if (places.length >= limit) break;
  }
  return places;
}

async function readNewestSeq(sql: Queries): Promise<bigint> {
  const [row] = await sql<{ seq: bigint }[]>`SELECT seq FROM journal ORDER BY seq DESC LIMIT 1`;
  return row?.seq ?? 0n;
}

/**
 * The versions that an account got in a range: after the first, through the second. An end that
 * leaves nothing out needs no look-up.
 *
 * @param newest seq of the last row of the journal
 */
async function versionsIn(
  sql: Queries,
  account: bigint,
  { after, through }: SeqRange,
  newest: bigint,
): Promise<SeqRange> {
  const versionAt = async (seq: bigint) => {
    const [at] = await readStates(sql, account, 'seq', [seq]);
    return at?.state.version ?? 0n;
  };
  return {
    after: after <= 0n ? 0n : await versionAt(after),
    through: through >= newest ? INT64_MAX : await versionAt(through),
  };
}

/** @param newest seq of the last row of the journal */
export function* windowsOf(
  range: SeqRange,
  newest: bigint,
  newestFirst: boolean,
): Generator<SeqRange> {
  let { after, through } = range;
  if (through > newest) through = newest;
  for (let width = newest / 64n + 1_000n; after < through; width *= 2n) {
    if (newestFirst) {
      const low = through - width > after ? through - width : after;
      yield { after: low, through };
      through = low;
    } else {
      const high = after + width < through ? after + width : through;
      yield { after, through: high };
      after = high;
    }
  }
}

interface Window {
  readonly seqAt: SeqAt;
  /** Of the account, in the whole range; undefined: of no account. */
  readonly versions: SeqRange | undefined;
  readonly window: SeqRange;
  readonly limit: number;
}

function windowQuery(search: TransferSearch, { seqAt, versions, window, limit }: Window) {
  const { account, filter, newestFirst, books } = search;
  const values: (string | number | bigint)[] = [];
  const bind: Bind = (value) => `$${values.push(value)}`;
  const place = (seq: bigint) => (filter === undefined ? `${bind(seq)}::int8` : String(seq));
  const order = newestFirst ? 'DESC' : 'ASC';
  const condition =
    `j.seq > ${place(window.after)} AND j.seq <= ${place(window.through)} AND j.kind IN (${KINDS})` +
    (filter === undefined ? '' : ` AND ${filterCondition(filter, { seqAt, books }, bind)}`);
  const bounds: BranchBounds = { condition, order, limit: `${bind(limit)}::int8` };
  const found =
    account === null || versions === undefined
      ? branch(bounds, 'true', 'j.seq')
      : ofAccount(account, versions, bounds, bind);
  return {
    text: `SELECT seq FROM (${found}) f ORDER BY seq ${order} LIMIT ${bounds.limit}`,
    values,
  };
}

interface BranchBounds {
  readonly condition: string;
  readonly order: 'ASC' | 'DESC';
  readonly limit: string;
}

function branch({ condition, order, limit }: BranchBounds, where: string, by: string): string {
  return `(SELECT j.seq FROM journal j WHERE ${where} AND ${condition}
            ORDER BY ${by} ${order} LIMIT ${limit})`;
}

/**
 * Rows of one account. Those that were applied are found along its versions, which grow with
 * their places, so that a page of a busy account costs a page and not all of its rows. Those
 * that were not have no version, and stand together in the same indexes.
 */
function ofAccount(account: bigint, versions: SeqRange, bounds: BranchBounds, bind: Bind): string {
  const first = `${bind(versions.after)}::int8`;
  const last = `${bind(versions.through)}::int8`;
  const id = `${bind(account)}::int8`;
  const sides = (['debit', 'credit'] as const).flatMap((side) => {
    const version = `j.${side}_version`;
    const applied = `j.${side}_account = ${id} AND ${version} > ${first} AND ${version} <= ${last}`;
    // A leg may be refused because it names one account on both sides.
    const once = side === 'credit' ? 'AND j.debit_account IS DISTINCT FROM j.credit_account' : '';
    const rejected = `j.${side}_account = ${id} AND ${version} IS NULL ${once}`;
    return [branch(bounds, applied, version), branch(bounds, rejected, 'j.seq')];
  });
  return sides.join(' UNION ALL ');
}
