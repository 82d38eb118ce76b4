import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { runDrill } from '../../drills/run-drill.ts';
import { scenarios } from '../../drills/scenarios/all.ts';
import { Operator } from '../../operator/operator.ts';
import { findFreeBase } from '../../processes/ports.ts';
import {
  type ReplicatedCluster,
  startReplicatedCluster,
} from '../../supervisor/replicated/replicated-cluster.ts';
import { fiveRegions, whyNotReplicated } from '../../testing/replicated-profile.ts';
import { untilWell } from '../../testing/shared-installation.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

/**
 * Five regions, one of which homes two books, and three copies of every book: 18 copies in all.
 * It takes about five minutes on two cores, most of it to start and to become whole again.
 */

const folder = temporaryFolder();
const skipped = whyNotReplicated() !== '';
const acting = { by: 'jane', why: 'five regions' };

let cluster: ReplicatedCluster;
let operator: Operator;

beforeAll(async () => {
  if (skipped) return;
  cluster = await startReplicatedCluster({
    dataDir: join(folder(), 'data'),
    topology: fiveRegions,
    basePort: await findFreeBase(),
  });
  await untilWell(cluster.state());
  operator = new Operator(cluster.state());
});
afterAll(async () => {
  await operator?.close();
  await cluster?.stop();
});

/** Checks of durations: only a quiet machine can measure how fast it is. */
const timed = /^RTO|pause/u;

describe.skipIf(skipped)('five regions with six books', () => {
  test('lose the region that homes two books, and no payment', { timeout: 600_000 }, async () => {
    const { report } = await runDrill({
      scenario: must(
        scenarios.find(({ name }) => name === 'region-loss'),
        'the scenario exists',
      ),
      state: cluster.state(),
      faults: cluster.faults,
      region: 'eu-west',
      ratePerRegion: 4,
      steadySeconds: 8,
      ...acting,
      outDir: join(folder(), 'drills'),
      signal: new AbortController().signal,
      view: { phase: () => undefined, mark: () => undefined, called: () => undefined },
    });
    const failing = report.checks.filter(({ result }) => result !== 'pass');
    expect(failing.filter(({ name }) => !timed.test(name))).toEqual([]);
    expect(report.aborted).toBe('');
    // Both books of the region were led elsewhere meanwhile, and every book was paid from.
    const affected = report.books.filter((book) => book.affected).map(({ name }) => name);
    expect(affected).toEqual(['eu-west-1', 'eu-west-2']);
    const moved = report.books.filter((book) => book.epochBefore !== book.epochAfter);
    expect(moved.map(({ name }) => name)).toEqual(affected);
    expect(report.books.map(({ longestPauseMs }) => longestPauseMs)).not.toContain(null);
    const { epochs = [] } = report.evidence ?? {};
    expect(new Set(epochs.map(({ book }) => book)).size).toBe(6);
  });

  test('are drained one by one, of the books that are led there', async () => {
    // It has a copy of no other book, so that the others are not concerned.
    await patiently(() => operator.make({ kind: 'drain', region: 'sa-east' }, acting));
    try {
      await patiently(async () => {
        const led = (await operator.status()).books.find(({ name }) => name === 'sa-east-1');
        expect(['us-east', 'us-west']).toContain(led?.leader?.region);
      });
      const away = operator.make({ kind: 'switchover', book: 'ap-south-1', to: 'sa-east' }, acting);
      await expect(away).rejects.toThrow('ap-south-1 has no copy in sa-east');
    } finally {
      await patiently(() => operator.make({ kind: 'failback', region: 'sa-east' }, acting));
    }
    await patiently(async () => {
      const { books, regions } = await operator.status();
      expect(books.every(({ leader, home }) => leader?.region === home)).toBe(true);
      expect(regions.every(({ etcd }) => etcd === 'serving')).toBe(true);
    });
  });
});

/** Repeats what a busy machine, whose parts do not answer in time, lets fail. */
const patiently = <T>(work: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(work, { timeout: 120_000, interval: 2_000 });
