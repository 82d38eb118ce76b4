import type { Transfer } from '../../../proto/gen/meridian/v1/transfer.ts';
import { RowKind, TRANSFER_KINDS } from '../../core/journal-row.ts';
import type { Queries } from './connect.ts';
import { readSeqs } from './read-seqs.ts';
import { readStates } from './read-states.ts';
import { type Bind, filterCondition, filterRange } from './transfer-filter.ts';
import { TRANSFER_COLUMNS } from './transfer-row.ts';
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
  const { account, filter, newestFirst, limit } = search;
  const seqAt = await readSeqs(sql, filterTimes(filter));
  const passing = filter === undefined ? EVERYWHERE : filterRange(filter, seqAt);
  const after = passing.after > search.within.after ? passing.after : search.within.after;
  const through = passing.through < search.within.through ? passing.through : search.within.through;
  if (after >= through) return [];

  const values: (string | number | bigint)[] = [];
  const bind: Bind = (value) => `$${values.push(value)}`;
  const order = newestFirst ? 'DESC' : 'ASC';
  const condition =
    `j.seq > ${bind(after)}::int8 AND j.seq <= ${bind(through)}::int8 AND j.kind IN (${KINDS})` +
    (filter === undefined
      ? ''
      : ` AND ${filterCondition(filter, { seqAt, books: search.books }, bind)}`);
  const bounds: VersionBounds = { condition, order, limit };
  const found =
    account === null
      ? branch(bounds, 'true', 'j.seq')
      : await ofAccount(sql, account, { after, through }, bounds, bind);
  // The columns that look into other rows are made for the page alone, not for all that passes.
  const rows = await sql.unsafe<TransferRow[]>(
    `SELECT ${TRANSFER_COLUMNS}
       FROM (SELECT * FROM (${found}) f ORDER BY seq ${order} LIMIT ${limit}) j
      ORDER BY j.seq ${order}`,
    values,
  );
  return rows.map((row) => storedTransfer(row, book, null).transfer);
}

interface VersionBounds {
  readonly condition: string;
  readonly order: 'ASC' | 'DESC';
  readonly limit: number;
}

function branch({ condition, order, limit }: VersionBounds, where: string, by: string): string {
  return `(SELECT j.* FROM journal j WHERE ${where} AND ${condition}
            ORDER BY ${by} ${order} LIMIT ${limit})`;
}

/**
 * Rows of one account. Those that were applied are found along its versions, which grow with
 * their places, so that a page of a busy account costs a page and not all of its rows. Those
 * that were not have no version, and stand together in the same indexes.
 */
async function ofAccount(
  sql: Queries,
  account: bigint,
  { after, through }: SeqRange,
  bounds: VersionBounds,
  bind: Bind,
): Promise<string> {
  const [from, to] = await readStates(sql, account, 'seq', [after, through]);
  const first = `${bind(from?.state.version ?? 0n)}::int8`;
  const last = `${bind(to?.state.version ?? 0n)}::int8`;
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
