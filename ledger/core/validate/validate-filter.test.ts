import { expect, test } from 'vitest';
import { ReadOptions } from '../../../proto/gen/meridian/v1/position.ts';
import {
  AccountTest,
  Filter,
  ListTransfersRequest,
  Side,
} from '../../../proto/gen/meridian/v1/query.ts';
import { accountId } from '../account-id.ts';
import { validateSearch } from './validate-filter.ts';

type Test = NonNullable<Filter['test']>;

const of = (asked: Test): Filter => ({ test: asked });
const all = (...tests: Test[]): Test => ({ $case: 'allOf', value: { filters: tests.map(of) } });
const any = (...tests: Test[]): Test => ({ $case: 'anyOf', value: { filters: tests.map(of) } });
const none = (asked: Test): Test => ({ $case: 'noneOf', value: of(asked) });
const code = (value = 1): Test => ({ $case: 'code', value });
const at = (seconds: bigint, nanos = 0) => ({ seconds, nanos });
const account = (id: bigint, side: Side = Side.UNSPECIFIED): Test => ({
  $case: 'account',
  value: { accountId: id, side },
});
const metadata = (name: string, value?: string): Test => ({
  $case: 'metadata',
  value: { name, value },
});
/** As it comes from a client, whatever the number. */
const status = (value: number) => Filter.decode(Uint8Array.of(6 << 3, value)).test;
const time = (value: Extract<Test, { $case: 'time' }>['value']): Test => ({ $case: 'time', value });

const UNKNOWN_SIDE = AccountTest.decode(Uint8Array.of(2 << 3, 3)).side;
const STATUSES = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((value) => status(value) ?? []);

const nested = (depth: number): Test => (depth === 1 ? code() : none(nested(depth - 1)));

function wrongFields(asked: Test | undefined): string[] {
  const request = { ...ListTransfersRequest.fromPartial({}), filter: { test: asked } };
  return validateSearch(request, 1).map(({ field }) => field);
}

test.each<[name: string, asked: Test]>([
  ['an account of the book', account(accountId(1, 5), Side.CREDIT)],
  ['a code of zero', code(0)],
  ['a reference', { $case: 'reference', value: 'rent' }],
  ['metadata by name', metadata('order')],
  ['metadata with an empty value', metadata('order', '')],
  ['a time without an end', time({ from: at(5n), to: undefined })],
  ['a time without a beginning', time({ from: undefined, to: at(5n) })],
  ['a nanosecond', time({ from: at(5n), to: at(5n, 1) })],
  ['every status', any(...STATUSES)],
  ['8 levels', nested(8)],
  ['64 tests', all(...Array.from({ length: 64 }, () => code()))],
])('%s is fine', (_, asked) => {
  expect(wrongFields(asked)).toEqual([]);
});

test.each<[name: string, asked: Test | undefined, fields: string[]]>([
  ['no test', undefined, ['filter']],
  ['an empty group', { $case: 'anyOf', value: { filters: [] } }, ['filter.any_of']],
  [
    'an empty group in a group',
    all(code(), { $case: 'allOf', value: { filters: [] } }),
    ['filter.all_of.filters[1].all_of'],
  ],
  [
    'a group with an empty filter',
    { $case: 'allOf', value: { filters: [of(code()), { test: undefined }] } },
    ['filter.all_of.filters[1]'],
  ],
  ['9 levels', nested(9), [`filter${'.none_of'.repeat(8)}`]],
  ['65 tests', any(...Array.from({ length: 65 }, () => code())), ['filter']],
  ['something that is no account', account(5n), ['filter.account.account_id']],
  ['an account of another book', account(accountId(2, 5)), ['filter.account.account_id']],
  ['an unknown side', account(accountId(1, 5), UNKNOWN_SIDE), ['filter.account.side']],
  ['a negative code', none(code(-1)), ['filter.none_of.code']],
  ['an empty reference', { $case: 'reference', value: '' }, ['filter.reference']],
  ['a reference that cannot be stored', { $case: 'reference', value: '\0' }, ['filter.reference']],
  ['metadata without a name', metadata(''), ['filter.metadata.name']],
  ['a value that is too long', metadata('a', 'x'.repeat(257)), ['filter.metadata.value']],
  ['a time without either end', time({ from: undefined, to: undefined }), ['filter.time']],
  [
    'a time that ends before it begins, in a group',
    all(code(), time({ from: at(5n, 1), to: at(5n) })),
    ['filter.all_of.filters[1].time.to'],
  ],
  ['an empty time', time({ from: at(5n), to: at(5n) }), ['filter.time.to']],
  ['a time after the year 9999', time({ from: undefined, to: at(2n ** 40n) }), ['filter.time.to']],
  [
    'nanoseconds that are more than a second',
    time({ from: at(5n, 1_000_000_000), to: undefined }),
    ['filter.time.from'],
  ],
  ['an unspecified status', status(0), ['filter.status']],
  ['an unknown status', status(9), ['filter.status']],
])('%s is refused', (_, asked, fields) => {
  expect(wrongFields(asked)).toEqual(fields);
});

test('the options of a search are looked at even without a filter', () => {
  const minPosition = { book: 0, epoch: 0n, seq: -1n };
  const options = { ...ReadOptions.decode(Uint8Array.of(1 << 3, 4)), minPosition };
  const request = ListTransfersRequest.fromPartial({ options });
  expect(validateSearch(request, 1).map(({ field }) => field)).toEqual([
    'options.level',
    'options.min_position.book',
    'options.min_position.seq',
  ]);
});
