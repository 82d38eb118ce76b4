import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import { type ReplicatedCluster, startReplicatedCluster } from '../replicated/cluster.ts';
import { temporaryFolder } from '../test/temporary-folder.ts';
import { readReport } from './report-files.ts';
import { runDrill } from './run.ts';
import { scenarios } from './scenarios/all.ts';

/** The drills that matter most, for real: every region's processes, real packages, real faults. */

const folder = temporaryFolder();
let cluster: ReplicatedCluster | undefined;
/** The drill that failed: after it the books may be in any state, and the next proves nothing. */
let failed = '';

beforeAll(async () => {
  cluster = await startReplicatedCluster({ dataDir: join(folder(), 'data'), basePort: 18_000 });
});

afterAll(() => cluster?.stop());

const view = { phase() {}, mark() {}, called() {} };

test.each([
  'region-loss',
  'zombie-leader',
  'cancelled-sync-wait',
  'planned-evacuation-and-failback',
])('%s', async (name) => {
  if (failed !== '') throw new Error(`${failed} failed before`);
  failed = name;
  const running = must(cluster, 'the cluster runs');
  const scenario = must(
    scenarios.find((one) => one.name === name),
    'the scenario exists',
  );
  const drill = await runDrill({
    scenario,
    state: running.state(),
    faults: running.faults,
    region: 'eu-west',
    ratePerRegion: 30,
    steadySeconds: 5,
    by: 'the test',
    why: `to see that ${name} passes`,
    outDir: join(folder(), 'drills'),
    signal: new AbortController().signal,
    view,
  });
  const { report } = drill;
  expect(report.checks.filter(({ result }) => result !== 'pass')).toEqual([]);
  expect(report).toMatchObject({ verdict: 'pass', aborted: '' });
  // What is written is what was found.
  expect(readReport(drill.folder).checks).toEqual(report.checks);
  failed = '';
});
