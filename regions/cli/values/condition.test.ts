import { InvalidArgumentError } from 'commander';
import { expect, test } from 'vitest';

import { conditionsOf, parseAccountValue } from './condition.ts';

test('pairs are gathered; the last "=" divides', () => {
  const first = parseAccountValue('a=b=-5');
  expect(parseAccountValue('bob=7', first)).toEqual({ 'a=b': -5n, bob: 7n });
});

test.each(['alice', 'alice=', '=5', 'alice=1.5', 'alice=9223372036854775808'])(
  '"%s" is refused',
  (text) => {
    expect(() => parseAccountValue(text)).toThrow(InvalidArgumentError);
  },
);

const idOf = (name: string) => BigInt(name.length);

test('terms become conditions', () => {
  expect(conditionsOf({}, idOf)).toBeUndefined();
  const terms = { ifAtLeast: { alice: 1n }, ifAtMost: { bob: 2n }, ifVersion: { al: 3n } };
  expect(conditionsOf(terms, idOf)).toEqual({
    allOf: [
      { accountId: 5n, test: { $case: 'balanceAtLeast', value: 1n } },
      { accountId: 3n, test: { $case: 'balanceAtMost', value: 2n } },
      { accountId: 2n, test: { $case: 'version', value: 3n } },
    ],
  });
});

test('an account that is given twice is refused, as one of the conditions would be lost', () => {
  expect(() => parseAccountValue('bob=9', parseAccountValue('bob=7'))).toThrow(
    InvalidArgumentError,
  );
});
