import {
  type AccountTest,
  type Filter,
  type MetadataTest,
  Side,
  type TimeRange,
} from '../../../proto/gen/meridian/v1/query.ts';
import { RowKind } from '../../core/journal-row.ts';
import { INT64_MAX } from '../../core/limits.ts';
import { microsBefore } from '../../core/timestamp.ts';
import { settlementId } from '../../core/transfer-id.ts';
import { idsLiteral } from './array-literal.ts';
import { TRANSFER_STATUS } from './transfer-row.ts';
import { EVERYWHERE, type SeqRange } from '../asked-pages.ts';

/** The newest place at or before a time (microseconds since 1970), as readSeqs has found it. */
export type SeqAt = ReadonlyMap<bigint, bigint>;

/** The data, apart from the rows themselves, that a filter is evaluated with. */
export interface FilterContext {
  readonly seqAt: SeqAt;
  /** Numbers of all books there are. */
  readonly books: readonly number[];
}

/** Gives a value to the statement and answers its placeholder, such as `$3`. */
export type Bind = (value: string | number | bigint) => string;

/** Where everything that passes a filter lies; the rest of the journal need not be read. */
export function filterRange({ test }: Filter, seqAt: SeqAt): SeqRange {
  if (test?.$case === 'time') return timeRange(test.value, seqAt);
  if (test?.$case !== 'allOf') return EVERYWHERE;
  return test.value.filters
    .map((filter) => filterRange(filter, seqAt))
    .reduce((a, b) => ({
      after: a.after > b.after ? a.after : b.after,
      through: a.through < b.through ? a.through : b.through,
    }));
}

function timeRange({ from, to }: TimeRange, seqAt: SeqAt): SeqRange {
  return {
    after: from === undefined ? 0n : (seqAt.get(microsBefore(from)) ?? 0n),
    through: to === undefined ? INT64_MAX : (seqAt.get(microsBefore(to)) ?? 0n),
  };
}

/**
 * The condition that row `j` of the journal passes a filter, which has been validated. Columns
 * that are absent make a test null, which counts as not passed, also under `none_of`.
 */
export function filterCondition({ test }: Filter, context: FilterContext, bind: Bind): string {
  switch (test?.$case) {
    case undefined:
      // Never the case for a validated filter; and then it must not pass everything.
      return 'false';
    case 'account':
      return accountCondition(test.value, bind);
    case 'code':
      return test.value === 0 ? 'j.code IS NULL' : `j.code = ${bind(test.value)}::int4`;
    case 'reference':
      return `j.reference = ${bind(test.value)}::text`;
    case 'metadata':
      return metadataCondition(test.value, bind);
    case 'time': {
      const { after, through } = timeRange(test.value, context.seqAt);
      return `(j.seq > ${bind(after)}::int8 AND j.seq <= ${bind(through)}::int8)`;
    }
    case 'status':
      return `(${TRANSFER_STATUS}) = ${bind(test.value)}::int4`;
    case 'holdId':
      return `(j.kind IN (${RowKind.capture}, ${RowKind.release}) AND j.drawn_left IS NOT NULL
        AND j.drawn_id = ${bind(test.value)}::uuid)`;
    case 'reversalOf':
      return reversalCondition(test.value.toLowerCase(), context, bind);
    case 'allOf':
      return joined(test.value.filters, ' AND ', context, bind);
    case 'anyOf':
      return joined(test.value.filters, ' OR ', context, bind);
    case 'noneOf':
      return `(${filterCondition(test.value, context, bind)}) IS NOT TRUE`;
  }
}

function joined(
  filters: readonly Filter[],
  word: string,
  context: FilterContext,
  bind: Bind,
): string {
  return `(${filters.map((filter) => filterCondition(filter, context, bind)).join(word)})`;
}

function accountCondition({ accountId, side }: AccountTest, bind: Bind): string {
  const id = `${bind(accountId)}::int8`;
  const debit = `j.debit_account = ${id}`;
  const credit = `j.credit_account = ${id}`;
  if (side === Side.DEBIT) return debit;
  return side === Side.CREDIT ? credit : `(${debit} OR ${credit})`;
}

/** In terms that the index of metadata knows. */
function metadataCondition({ name, value }: MetadataTest, bind: Bind): string {
  if (value === undefined) return `j.metadata ? ${bind(name)}::text`;
  return `j.metadata @> ${bind(JSON.stringify({ [name]: value }))}::text::jsonb`;
}

/** A transfer received from another book is reversed by the row of its second leg. */
function reversalCondition(id: string, { books }: FilterContext, bind: Bind): string {
  const rows = idsLiteral([id, ...books.map((book) => settlementId(book, id))]);
  return `((j.kind = ${RowKind.reversal} AND j.drawn_left IS NOT NULL
      AND j.drawn_id = ANY(${bind(rows)}::uuid[]))
    OR (j.kind = ${RowKind.settlement} AND j.drawn_id = ${bind(id)}::uuid))`;
}
