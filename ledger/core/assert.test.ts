import { expect, test } from 'vitest';
import { assert, InvariantError, must } from './assert.ts';

test('a condition that does not hold is a broken invariant, named as such', () => {
  expect(() => assert(true, 'unused')).not.toThrow();
  expect(() => assert(false, 'one is two')).toThrow(new InvariantError('one is two'));
  expect(String(new InvariantError('one is two'))).toBe('InvariantError: one is two');
});

test('only null and undefined are absent', () => {
  for (const value of [0, 0n, '', false]) expect(must(value, 'unused')).toBe(value);
  for (const absent of [null, undefined]) {
    expect(() => must(absent, 'it is there')).toThrow(new InvariantError('it is there'));
  }
});
