import { expect, test } from 'vitest';
import { decimalText, ISO_4217, largestAmount, namedAsset } from './asset.ts';

test.each([
  ['JPY', 0],
  ['XPF', 0],
  ['BHD', 3],
  ['TND', 3],
  ['CLF', 4],
  ['UYW', 4],
  ['EUR', 2],
  ['ZWG', 2],
  ['XAU', undefined],
  ['BTC', undefined],
])('the scale of %s is %s', (code, scale) => {
  expect(ISO_4217.get(code)).toBe(scale);
});

test('the table has the currencies that are in use, and each once', () => {
  const scales = [...ISO_4217.values()];
  const count = (scale: number) => scales.filter((one) => one === scale).length;
  expect([0, 2, 3, 4].map(count)).toEqual([17, 132, 7, 2]);
  expect([...ISO_4217.keys()].filter((code) => !/^[A-Z]{3}$/u.test(code))).toEqual([]);
});

test.each([
  ['EUR', 'EUR', undefined],
  ['EUR/2', 'EUR', 2],
  ['ETH/18', 'ETH', 18],
  ['JPY/0', 'JPY', 0],
])('%s is named with its scale or without', (name, code, scale) => {
  expect(namedAsset(name)).toEqual({ code, scale });
});

test.each([
  [0, '4611686018427387903'],
  [2, '46116860184273879.03'],
  [18, '4.611686018427387903'],
])('with %d decimals the largest amount is %s', (scale, amount) => {
  expect(largestAmount(scale)).toBe(amount);
});

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
