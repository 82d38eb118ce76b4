import { expect, test } from 'vitest';

import { fieldLines } from './print.ts';
import { table } from './table.ts';

const hostile = 'a\u001B[2Jb\u202Ec\u009Bd';

test('control and bidi characters of data are shown, not obeyed', () => {
  const shown = String.raw`a\u{1b}[2Jb\u{202e}c\u{9b}d`;
  expect(table([{ title: 'name' }], [[hostile]])).toContain(shown);
  expect(fieldLines([[hostile, hostile]])).toBe(`${shown} ${shown}`);
});
