import { expect, test } from 'vitest';

import { Side } from '../../../proto/gen/meridian/v1/query.ts';
import { TransferStatus } from '../../../proto/gen/meridian/v1/transfer.ts';
import { parseFilter } from './filter-json.ts';

test('a tree of every test is read', () => {
  const tests = [
    { account: { accountId: '281474976710657', side: 'SIDE_DEBIT' } },
    { account: { accountId: 281474976710657 } },
    { code: 7 },
    { reference: 'invoice 17' },
    { metadata: { name: 'team' } },
    { metadata: { name: 'team', value: '' } },
    { time: { from: '2026-11-21T09:30:00.5Z' } },
    { status: 'TRANSFER_STATUS_IN_TRANSIT' },
    { noneOf: { anyOf: { filters: [{ code: 1 }, { code: 2 }] } } },
  ];
  const accountId = 281_474_976_710_657n;
  const from = { seconds: BigInt(Date.UTC(2026, 10, 21, 9, 30) / 1_000), nanos: 500_000_000 };
  const codes = [1, 2].map((value) => ({ test: { $case: 'code', value } }));
  const anyOf = { test: { $case: 'anyOf', value: { filters: codes } } };
  expect(parseFilter(JSON.stringify({ allOf: { filters: tests } }))).toEqual({
    test: {
      $case: 'allOf',
      value: {
        filters: [
          { test: { $case: 'account', value: { accountId, side: Side.DEBIT } } },
          { test: { $case: 'account', value: { accountId, side: Side.UNSPECIFIED } } },
          { test: { $case: 'code', value: 7 } },
          { test: { $case: 'reference', value: 'invoice 17' } },
          { test: { $case: 'metadata', value: { name: 'team', value: undefined } } },
          { test: { $case: 'metadata', value: { name: 'team', value: '' } } },
          { test: { $case: 'time', value: { from, to: undefined } } },
          { test: { $case: 'status', value: TransferStatus.IN_TRANSIT } },
          { test: { $case: 'noneOf', value: anyOf } },
        ],
      },
    },
  });
});

test.each([
  ['{', /not JSON/u],
  ['[]', /expected record/u],
  ['{}', /must have exactly one of account, code/u],
  ['{"code": 1, "reference": "x"}', /must have exactly one of/u],
  ['{"amount": 1}', /must have exactly one of/u],
  ['{"code": "1"}', /code: /u],
  ['{"account": {"accountId": 9007199254740993}}', /account\.accountId: must be a whole number/u],
  ['{"account": {"accountId": "9223372036854775808"}}', /account\.accountId: must fit 64 bits/u],
  ['{"metadata": {"key": "team"}}', /metadata/u],
  ['{"status": "settled"}', /status: It must be one of posted, in-transit, /u],
  ['{"time": {"from": "noon"}}', /time\.from: It must be a time/u],
  ['{"allOf": {"filters": []}}', /allOf\.filters/u],
  ['{"allOf": {"filters": [{"code": 1}, {"no": 2}]}}', /allOf\.filters\.1: must have exactly/u],
])('%s is refused', (text, message) => {
  expect(() => parseFilter(text)).toThrow(message);
});
