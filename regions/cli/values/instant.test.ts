import { InvalidArgumentError } from 'commander';
import { expect, test } from 'vitest';

import { instantText, parseInstant } from './instant.ts';

test.each([
  ['2026-11-21', '2026-11-21T00:00:00.000000Z'],
  ['2026-11-21T09:30Z', '2026-11-21T09:30:00.000000Z'],
  ['2026-11-21 09:30:05Z', '2026-11-21T09:30:05.000000Z'],
  ['2026-11-21T09:30:05.123456Z', '2026-11-21T09:30:05.123456Z'],
  ['2026-11-21T09:30:05.5+01:00', '2026-11-21T08:30:05.500000Z'],
  ['2024-02-29T00:00:00-05:30', '2024-02-29T05:30:00.000000Z'],
  ['1969-12-31T23:59:59.75Z', '1969-12-31T23:59:59.750000Z'],
])('%s is %s', (text, same) => {
  expect(instantText(parseInstant(text))).toBe(same);
});

test.each([
  '',
  'yesterday',
  '2026-11-21T09:30:00',
  '2026-02-30',
  '2026-13-01',
  '2026-11-21T24:30:00Z',
  '2026-11-21T09:30:00.1234567Z',
  '1732181400',
])('"%s" is refused', (text) => {
  expect(() => parseInstant(text)).toThrow(InvalidArgumentError);
});

test('an absent time is an empty text', () => {
  expect(instantText(undefined)).toBe('');
});
