import { InvalidArgumentError } from 'commander';
import { expect, test } from 'vitest';

import { parseDuration } from './duration.ts';

test.each([
  ['90s', 90],
  ['15m', 900],
  ['1h30m', 5_400],
  ['7d', 604_800],
  ['1d2h3m4s', 93_784],
  ['2147483647s', 2_147_483_647],
])('%s is %s seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each([
  '',
  '0',
  '15',
  '1h30',
  '0m',
  '-1',
  '1.5h',
  '15 m',
  '15min',
  '30m1h',
  'm',
  '2147483648s',
  '99999999999d',
])('"%s" is refused', (text) => {
  expect(() => parseDuration(text)).toThrow(InvalidArgumentError);
});
