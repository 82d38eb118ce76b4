import { InvalidArgumentError } from 'commander';
import { expect, test } from 'vitest';

import { OpenAccountRequest } from '../../proto/gen/meridian/v1/account.ts';
import { parsePair } from './connection.ts';

test('a name that is given twice is refused, as one of the values would be lost', () => {
  expect(parsePair('b=2', parsePair('a=1'))).toEqual({ a: '1', b: '2' });
  expect(() => parsePair('a=2', parsePair('a=1'))).toThrow(InvalidArgumentError);
});

test('metadata named "__proto__" is sent like any other', () => {
  const metadata = parsePair('a=1', parsePair('__proto__=x'));
  const request = OpenAccountRequest.create({ metadata });
  expect(Object.entries(request.metadata)).toEqual([
    ['__proto__', 'x'],
    ['a', '1'],
  ]);
});
