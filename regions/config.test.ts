import { expect, test } from 'vitest';

import { ledgerConfig } from './config.ts';

test('a missing setting is named as missing, a malformed one by what it must be', () => {
  expect(() => ledgerConfig({})).toThrow(/MERIDIAN_BOOK: is required and not set/u);
  expect(() => ledgerConfig({ MERIDIAN_BOOK: 'one' })).toThrow(/MERIDIAN_BOOK: must be a whole/u);
});
