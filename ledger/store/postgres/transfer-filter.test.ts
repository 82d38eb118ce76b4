import { expect, test } from 'vitest';
import { type Filter, Side } from '../../../proto/gen/meridian/v1/query.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { INT64_MAX } from '../../core/limits.ts';
import { timestampFrom } from '../../core/timestamp.ts';
import { filterCondition, filterRange } from './transfer-filter.ts';
import { TRANSFER_STATUS } from './transfer-row.ts';
import { filterTimes } from '../filter-times.ts';

type Test = NonNullable<Filter['test']>;

const of = (asked: Test): Filter => ({ test: asked });
const all = (...tests: Test[]): Test => ({ $case: 'allOf', value: { filters: tests.map(of) } });
const any = (...tests: Test[]): Test => ({ $case: 'anyOf', value: { filters: tests.map(of) } });
const none = (asked: Test): Test => ({ $case: 'noneOf', value: of(asked) });
const code = (value: number): Test => ({ $case: 'code', value });
const time = (from: number | undefined, to: number | undefined): Test => ({
  $case: 'time',
  value: {
    from: from === undefined ? undefined : timestampFrom(from),
    to: to === undefined ? undefined : timestampFrom(to),
  },
});

/** At 10 microseconds the journal had come to row 3, at 20 to row 9. */
const SEQ_AT = new Map([
  [9n, 3n],
  [19n, 9n],
]);

const CONTEXT = { seqAt: SEQ_AT, books: [1, 2] };

function compiled(asked: Test): [text: string, values: (string | number | bigint)[]] {
  const values: (string | number | bigint)[] = [];
  const text = filterCondition(of(asked), CONTEXT, (value) => `$${values.push(value)}`);
  return [text, values];
}

const account = (side: Side): Test => ({ $case: 'account', value: { accountId: 7n, side } });

test.each<[name: string, asked: Test, text: string, values: (string | number | bigint)[]]>([
  ['a code', code(5), 'j.code = $1::int4', [5]],
  ['the code zero, which is stored as none', code(0), 'j.code IS NULL', []],
  [
    'a reference, whatever it contains',
    { $case: 'reference', value: "'; DROP TABLE journal; --" },
    'j.reference = $1::text',
    ["'; DROP TABLE journal; --"],
  ],
  ['a payer', account(Side.DEBIT), 'j.debit_account = $1::int8', [7n]],
  ['a payee', account(Side.CREDIT), 'j.credit_account = $1::int8', [7n]],
  [
    'either',
    account(Side.UNSPECIFIED),
    '(j.debit_account = $1::int8 OR j.credit_account = $1::int8)',
    [7n],
  ],
  [
    'a name in the metadata',
    { $case: 'metadata', value: { name: 'order', value: undefined } },
    'j.metadata ? $1::text',
    ['order'],
  ],
  [
    'a pair in the metadata',
    { $case: 'metadata', value: { name: 'a"b', value: '' } },
    'j.metadata @> $1::text::jsonb',
    [String.raw`{"a\"b":""}`],
  ],
  [
    'a pair named like what objects inherit from',
    { $case: 'metadata', value: { name: '__proto__', value: '1' } },
    'j.metadata @> $1::text::jsonb',
    ['{"__proto__":"1"}'],
  ],
  ['a time', time(10, 20), '(j.seq > $1::int8 AND j.seq <= $2::int8)', [3n, 9n]],
  [
    'a time without an end',
    time(20, undefined),
    '(j.seq > $1::int8 AND j.seq <= $2::int8)',
    [9n, INT64_MAX],
  ],
  [
    'a status',
    { $case: 'status', value: TransferStatus.HELD },
    `(${TRANSFER_STATUS}) = $1::int4`,
    [TransferStatus.HELD],
  ],
  [
    'none of, for which absent is not passed',
    none(code(5)),
    '(j.code = $1::int4) IS NOT TRUE',
    [5],
  ],
  [
    'groups in groups',
    any(all(code(1), code(2)), none(any(code(3)))),
    '((j.code = $1::int4 AND j.code = $2::int4) OR ((j.code = $3::int4)) IS NOT TRUE)',
    [1, 2, 3],
  ],
])('%s becomes a condition', (_, asked, text, values) => {
  expect(compiled(asked)).toEqual([text, values]);
});

test('a filter that was never validated lets nothing pass', () => {
  expect(filterCondition({ test: undefined }, CONTEXT, () => '')).toBe('false');
});

test('the times of a filter are those of all its tests, each the last moment before', () => {
  const asked = all(time(10, 20), any(code(1), none(time(undefined, 20))), time(10, undefined));
  expect(filterTimes(of(asked))).toEqual([9n, 19n, 19n, 9n]);
});

const range = (asked: Test) => filterRange(of(asked), SEQ_AT);

test('only what must be passed narrows where a search looks', () => {
  const everywhere = { after: 0n, through: INT64_MAX };
  expect(range(time(10, 20))).toEqual({ after: 3n, through: 9n });
  expect(range(time(10, undefined))).toEqual({ after: 3n, through: INT64_MAX });
  expect(range(all(code(1), time(10, undefined), all(time(undefined, 20))))).toEqual({
    after: 3n,
    through: 9n,
  });
  expect(range(any(time(10, 20)))).toEqual(everywhere);
  expect(range(none(time(10, 20)))).toEqual(everywhere);
  expect(range(code(1))).toEqual(everywhere);
});
