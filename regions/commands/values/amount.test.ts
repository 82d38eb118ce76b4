import { expect, test } from 'vitest';

import { amountText, decimalText } from './amount.ts';

test.each([
  [1250n, 2, '12.50'],
  [0n, 2, '0.00'],
  [5n, 2, '0.05'],
  [-5n, 2, '-0.05'],
  [-1250n, 3, '-1.250'],
  [7n, 0, '7'],
  [1n, 18, '0.000000000000000001'],
  [4_611_686_018_427_387_903n, 2, '46116860184273879.03'],
  [-9_223_372_036_854_775_808n, 2, '-92233720368547758.08'],
])('%s minor units at scale %s are %s', (minor, scale, text) => {
  expect(decimalText(minor, scale)).toBe(text);
});

test('the decimal form stands beside the amount only where it says more', () => {
  expect(amountText(1250n, { asset: 'EUR', scale: 2 })).toBe('1250 (12.50 EUR)');
  expect(amountText(1250n, { asset: 'JPY', scale: 0 })).toBe('1250');
  expect(amountText(1250n, { asset: 'POINTS' })).toBe('1250');
});
