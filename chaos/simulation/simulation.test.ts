import { expect, test, vi } from 'vitest';
import { takeOverBatch } from '../../ledger/store/take-over-batch.ts';
import { DatabaseNode } from './database/node.ts';
import { SimulatedDatabase } from './database/simulated-store.ts';
import { runSeed } from './simulation.ts';
import { SimProcess, World } from './world.ts';

vi.mock('ioredis', () => import('./stand-ins/ioredis.ts'));

const SEEDS = 100;
const INSTANCE = '00000000-0000-4000-8000-000000000001';

test(`${SEEDS} histories in virtual time break no invariant`, async () => {
  let takeOvers = 0;
  let unknown = 0;
  let operations = 0;
  let reads = 0;
  let rows = 0;
  let plainRows = 0;
  let partitions = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const result = await runSeed(seed);
    expect(result.violations, `node chaos/simulation/main.ts --seed ${seed} --trace`).toEqual([]);
    takeOvers += result.takeOvers;
    unknown += result.unknown;
    operations += result.operations;
    reads += result.reads;
    rows += result.rows;
    plainRows += result.plainRows;
    partitions += result.partitions;
  }
  // A simulation without faults would show nothing.
  expect(operations).toBeGreaterThan(SEEDS * 50);
  expect(reads).toBeGreaterThan(SEEDS * 40);
  expect(partitions).toBeGreaterThan(SEEDS * 5);
  // Both lanes are seen.
  expect(plainRows).toBeGreaterThan(SEEDS * 30);
  expect(rows - plainRows).toBeGreaterThan(SEEDS * 100);
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

test.each([false, true])(
  'a commit that no other node has is not acknowledged (cancelled: %s)',
  async (cancelled) => {
    const world = new World(1, false);
    const book = { number: 1, name: 'book-1', region: 'eu', instance: INSTANCE, books: [1] };
    const parts = { world, bugs: { ackAlone: false, noCompare: false }, nextCommit: () => 1 };
    const node = new DatabaseNode('db', new SimProcess('db', 'eu'), book, parts);
    node.promote();
    const warnings: string[] = [];
    const onWarning = (warning: string) => warnings.push(warning);
    const store = new SimulatedDatabase(world, node).open(1, { onWarning });
    const reading = store.readHead();
    await world.advance(10);
    const { batch } = takeOverBatch(await reading, 'a:1', 1);
    const failure = store.append(batch).then(
      () => undefined,
      (error: unknown) => error,
    );
    await world.advance(10);
    // Shown to others before its caller has an answer, if an operator has cancelled the wait.
    if (cancelled) node.cancelWait();
    else node.terminateWaiting();
    expect(node.memory.head.epoch).toBe(1);
    await world.advance(10);
    expect(await failure).toMatchObject({ failure: cancelled ? 'in_doubt' : 'lost' });
    expect(warnings).toHaveLength(cancelled ? 1 : 0);
  },
);

test('the clock and the timers are restored after a seed', async () => {
  const before = Date.now();
  await runSeed(9);
  expect(Date.now() - before).toBeLessThan(60_000);
  expect(Date.now()).toBeGreaterThanOrEqual(before);
  await new Promise((resolve) => {
    setTimeout(resolve, 1);
  });
});
