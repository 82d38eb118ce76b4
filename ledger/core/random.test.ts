import { expect, test } from 'vitest';
import { Random } from './random.ts';

const draw = (seed: number) => {
  const random = new Random(seed);
  return Array.from({ length: 5 }, () => random.below(1_000));
};

test('a seed gives the same numbers as in every earlier release', () => {
  expect(draw(17)).toMatchInlineSnapshot(`
    [
      723,
      115,
      961,
      850,
      109,
    ]
  `);
  expect(draw(18)).not.toEqual(draw(17));
});

test('numbers are drawn equally often, names by their weight', () => {
  const random = new Random(1);
  const counts = Array.from({ length: 60 }, () => 0);
  const names = { seldom: 1, often: 3, never: 0 };
  let often = 0;
  for (let draws = 0; draws < 60_000; draws += 1) {
    const at = random.below(60);
    counts[at] = (counts[at] ?? 0) + 1;
    if (random.weighted(names) === 'often') often += 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(850);
  expect(Math.max(...counts)).toBeLessThan(1_150);
  expect(often / 60_000).toBeCloseTo(0.75, 1);
});
