import { expect, test } from 'vitest';
import { LeaderSilence } from './leader-silence.ts';

test('probes that are not answered are counted until one is', () => {
  const silence = new LeaderSilence();
  for (const [answered, probes] of [
    [false, 1],
    [false, 2],
    [true, 0],
    [false, 1],
  ] as const) {
    silence.probed(7, answered);
    expect(silence.of(7)).toBe(probes);
  }
});

test('what one leader has not answered does not count for the next', () => {
  const silence = new LeaderSilence();
  for (let probe = 0; probe < 3; probe += 1) silence.probed(7, false);
  expect(silence.of(8)).toBe(0);
  silence.probed(8, false);
  expect(silence.of(8)).toBe(1);
});
