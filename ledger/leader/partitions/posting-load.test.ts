import { expect, test } from 'vitest';
import { PostingLoad } from './posting-load.ts';

/** Says at which seconds the load is high while rows are appended at these rates, one a second. */
function highAt(load: PostingLoad, rates: readonly number[]): number[] {
  const high: number[] = [];
  let seq = 0;
  let atMs = 0;
  load.sample(atMs, seq);
  for (const [second, rate] of rates.entries()) {
    for (let step = 0; step < 5; step += 1) {
      atMs += 200;
      seq += rate / 5;
      load.sample(atMs, seq);
    }
    if (load.high) high.push(second);
  }
  return high;
}

test('the load is high after two seconds of a high rate, and low again after a low one', () => {
  const rates = [0, 0, 0, 20_000, 20_000, 20_000, 20_000, 0, 0, 0];
  expect(highAt(new PostingLoad(20_000), rates)).toEqual([4, 5, 6, 7]);
});

test('a rate that lasts is high at once where nothing else was seen', () => {
  expect(highAt(new PostingLoad(20_000), [20_000, 20_000])).toEqual([0, 1]);
});

test('it stays high down to half of the rate, and low up to all of it', () => {
  const rates = [19_999, 19_999, 30_000, 30_000, 10_001, 10_001, 10_001, 9_000, 9_000, 9_000];
  expect(highAt(new PostingLoad(20_000), rates)).toEqual([2, 3, 4, 5, 6]);
});

test('a pause of a second does not end it', () => {
  expect(highAt(new PostingLoad(20_000), [60_000, 60_000, 0, 60_000, 60_000])).toEqual([
    0, 1, 2, 3, 4,
  ]);
});

test('with a bound of zero it is always high', () => {
  const load = new PostingLoad(0);
  expect(load.high).toBe(true);
  expect(highAt(load, [0, 0, 0, 0])).toEqual([0, 1, 2, 3]);
});
