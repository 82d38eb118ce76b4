import { expect, test } from 'vitest';

import { amountText } from './amount.ts';

test('the decimal form follows the amount only if it adds information', () => {
  expect(amountText(1250n, { asset: 'EUR', scale: 2 })).toBe('1250 (12.50 EUR)');
  expect(amountText(1250n, { asset: 'JPY', scale: 0 })).toBe('1250');
  expect(amountText(1250n, { asset: 'POINTS' })).toBe('1250');
});
