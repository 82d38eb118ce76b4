import { expect, test } from 'vitest';
import { highestRate } from './rate-search.ts';

const plan = { first: 1_000, coarseSteps: 6, fineSteps: 4 };

/** Searches where rates up to a limit hold. */
async function search(limit: number, longer = limit) {
  const tried: string[] = [];
  const found = await highestRate(plan, (rate, step) => {
    tried.push(`${step} ${rate}`);
    return Promise.resolve(rate <= (step === 'fine' ? longer : limit));
  });
  return { found, tried };
}

test('the rate that is found holds, and is near the limit', async () => {
  for (const limit of [1_000, 1_700, 2_500, 9_999, 31_000]) {
    const { found, tried } = await search(limit);
    expect(found).toBeLessThanOrEqual(limit);
    expect(found).toBeGreaterThan(limit * 0.9);
    expect(tried.length).toBeLessThanOrEqual(12);
  }
});

test('the first rate may be too high', async () => {
  expect((await search(300)).found).toBe(250);
  expect((await search(0)).found).toBe(0);
});

test('only a longer step confirms a rate', async () => {
  const { found, tried } = await search(4_000, 3_000);
  expect(found).toBe(2_560);
  expect(tried.slice(-3)).toEqual(['fine 4000', 'fine 3200', 'fine 2560']);
  expect((await search(4_000, 1_000)).found).toBe(0);
});

test('one pause of the machine does not end the search', async () => {
  let calls = 0;
  const found = await highestRate(plan, (rate) => {
    calls += 1;
    return Promise.resolve(calls !== 2 && rate <= 9_000);
  });
  expect(found).toBeGreaterThan(8_000);
});

test('a search that meets no limit ends', async () => {
  const { found, tried } = await search(Infinity);
  expect(found).toBeGreaterThan(32_000);
  expect(tried).toHaveLength(10);
});
