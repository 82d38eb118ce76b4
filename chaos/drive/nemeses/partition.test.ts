import { expect, test } from 'vitest';
import { backwards } from './partition.ts';

test('around three regions each reaches the next one and is reached by the one before', () => {
  expect(new Set(backwards(['a', 'b', 'c']).map(String))).toEqual(new Set(['b,a', 'c,b', 'a,c']));
});

test.each([4, 5, 6, 7])('around %i regions every pair is cut in one direction', (count) => {
  const around = Array.from({ length: count }, (_, index) => `r${index}`);
  const ways = backwards(around);
  expect(ways.length).toBe((count * (count - 1)) / 2);
  expect(new Set(ways.map((way) => way.toSorted().join(' '))).size).toBe(ways.length);
  // Every region still opens connections to about half of the others.
  for (const region of around) {
    const reached = count - 1 - ways.filter(([from]) => from === region).length;
    expect(reached).toBeGreaterThanOrEqual(Math.floor((count - 1) / 2));
    expect(reached).toBeLessThanOrEqual(Math.ceil((count - 1) / 2));
  }
});
