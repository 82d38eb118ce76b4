import { expect, test } from 'vitest';
import { idsLiteral, numbersLiteral, textsLiteral } from './array-literal.ts';

// That Postgres reads all of these as they were meant is tested in append.pg.test.ts.

test('numbers', () => {
  expect(numbersLiteral([])).toBe('{}');
  expect(numbersLiteral([null])).toBe('{NULL}');
  expect(numbersLiteral([0, null, -1n, 2n ** 63n - 1n, 2 ** 53 - 1])).toBe(
    '{0,NULL,-1,9223372036854775807,9007199254740991}',
  );
});

test('ids', () => {
  const id = '0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b';
  expect(idsLiteral([])).toBe('{}');
  expect(idsLiteral([null, id, null])).toBe(`{NULL,${id},NULL}`);
});

test('texts', () => {
  expect(textsLiteral([])).toBe('{}');
  expect(textsLiteral(['', 'a', ''])).toBe('{NULL,"a",NULL}');
  expect(textsLiteral(['NULL', 'null'])).toBe('{"NULL","null"}');
  expect(textsLiteral(['{a,b}', ' a ', 'ü\n'])).toBe('{"{a,b}"," a ","ü\n"}');
  expect(textsLiteral(['"', '\\', '\\"', '$&'])).toBe(String.raw`{"\"","\\","\\\"","$&"}`);
});
