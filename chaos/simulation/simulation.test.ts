import { expect, test, vi } from 'vitest';
import { runSeed } from './simulation.ts';

vi.mock('postgres', () => import('./stand-ins/postgres-driver.ts'));
vi.mock('ioredis', () => import('./stand-ins/ioredis.ts'));

const SEEDS = 200;

test(`${SEEDS} histories in virtual time break no invariant`, async () => {
  let takeOvers = 0;
  let unknown = 0;
  let operations = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const result = await runSeed(seed);
    expect(result.violations, `node chaos/simulation/main.ts --seed ${seed} --trace`).toEqual([]);
    takeOvers += result.takeOvers;
    unknown += result.unknown;
    operations += result.operations;
  }
  // A simulation without faults would show nothing.
  expect(operations).toBeGreaterThan(SEEDS * 50);
  expect(takeOvers).toBeGreaterThan(SEEDS * 3);
  expect(unknown).toBeGreaterThan(SEEDS * 5);
}, 600_000);

test('a seed gives the same history again, and another seed a different one', async () => {
  const first = await runSeed(7, { trace: true });
  const again = await runSeed(7, { trace: true });
  const other = await runSeed(8, { trace: true });
  expect(first.trace.length).toBeGreaterThan(100);
  expect(again.trace).toEqual(first.trace);
  expect(again.digest).toBe(first.digest);
  expect(other.digest).not.toBe(first.digest);
});

test('a link with two overlapping delays recovers when both are over', async () => {
  // It stayed slow, and calls between two books timed out permanently.
  expect((await runSeed(4_143_288)).violations).toEqual([]);
});

test('the clock and the timers are restored after a seed', async () => {
  const before = Date.now();
  await runSeed(9);
  expect(Date.now() - before).toBeLessThan(60_000);
  expect(Date.now()).toBeGreaterThanOrEqual(before);
  await new Promise((resolve) => {
    setTimeout(resolve, 1);
  });
});
