import { expect, test } from 'vitest';
import { SILENT } from '../testing/database/leading.ts';
import { ServerClock } from './server-clock.ts';
import type { PeerClock } from './steady-clock.ts';

const SECOND = 1_000_000;

const clocks = (...offsets: number[]): PeerClock[] =>
  offsets.map((offset) => {
    const micros = Date.now() * 1_000 + offset;
    return { wallMicros: micros, steadyMicros: micros };
  });

/**
 * How far the time of a book is from the wall clock, in seconds, where the other servers' last
 * reports and their answers are off by these microseconds.
 */
async function secondsOff(reported: readonly number[], answered: readonly number[]) {
  let asked = 0;
  const peers = {
    peerClocks: () => clocks(...reported),
    askClocks: () => {
      asked += 1;
      return Promise.resolve(clocks(...answered));
    },
    peerCount: reported.length,
  };
  const clock = new ServerClock(peers, SILENT, () => undefined);
  const time = await clock.timeOf(0);
  // Without the sign of a zero.
  return { off: Math.round((time() / 1_000 - Date.now()) / 1_000) + 0, asked };
}

test('servers whose reports agree with the own clock are not asked', async () => {
  expect(await secondsOff([0, -SECOND / 2], [])).toEqual({ off: 0, asked: 0 });
  expect(await secondsOff([], [])).toEqual({ off: 0, asked: 0 });
});

test('reports that were held up do not set a clock back that is right', async () => {
  expect(await secondsOff([-2 * SECOND, -2 * SECOND], [0, 0])).toEqual({ off: 0, asked: 1 });
  expect(await secondsOff([-2 * SECOND], [0])).toEqual({ off: 0, asked: 1 });
});

test('a clock that other servers contradict when they are asked is corrected', async () => {
  const behind = [-9 * SECOND, -9 * SECOND];
  expect(await secondsOff(behind, behind)).toEqual({ off: -9, asked: 1 });
  const ahead = [9 * SECOND, 9 * SECOND];
  expect(await secondsOff(ahead, ahead)).toEqual({ off: 9, asked: 1 });
});
