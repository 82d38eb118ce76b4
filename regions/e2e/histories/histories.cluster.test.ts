import path from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { must } from '../../../ledger/core/assert.ts';
import { histories, type RandomHistory } from '../../../ledger/testing/history/random-history.ts';
import { runAudit } from '../../../ledger/audit/run-audit.ts';
import { type Cluster, startCluster } from '../../supervisor/embedded/embedded-cluster.ts';
import { findFreeBase } from '../../processes/ports.ts';
import { Api } from '../../testing/api-client.ts';
import { checkReads } from './final-checks.ts';
import { Journals } from './journals.ts';
import { ClusterRun } from './cluster-run.ts';
import { HistoryTally } from './history-tally.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';

/**
 * The histories of ledger/core/history.test.ts, in a smaller number, through routers to real
 * books with Postgres and Redis: they agree with the model in every field.
 */

const FILE = 'regions/e2e/histories/histories.cluster.test.ts';

/** SEED=<seed>:<number> runs one history alone; see ledger/testing/history/seed.ts. */
const HISTORIES = 60;

/** How many run at the same time: most of the time each waits for a hold to expire. */
const AT_ONCE = 30;

const TIMEOUT_MS = 60 * 60_000;

const folder = temporaryFolder();
let cluster: Cluster;
let apis: Api[] = [];
let journals: Journals;

beforeAll(async () => {
  const dataDir = path.join(folder(), 'data');
  cluster = await startCluster({ dataDir, basePort: await findFreeBase() });
  apis = cluster.regions.map(({ routerAddress }) => new Api(routerAddress));
  journals = new Journals(apis, cluster.regions);
});

afterAll(async () => {
  journals?.close();
  for (const api of apis) api.close();
  await cluster?.stop();
});

/** A history and its number, which it keeps when it is run alone. */
type Numbered = readonly [number, RandomHistory];

/** The histories to run, each with its number. */
function chosen(): { seed: number; numbered: Numbered[] } {
  const [seedText = '', number = ''] = inject('seed').split(':');
  const seed = seedText === '' ? Math.floor(Math.random() * 2 ** 31) : Number(seedText);
  const numRuns = number === '' ? Number(inject('histories') || HISTORIES) : Number(number) + 1;
  const all = [...fc.sample(histories(), { seed, numRuns }).entries()];
  return { seed, numbered: number === '' ? all : all.slice(-1) };
}

/** Runs histories next to each other until one fails; reports how to run that one alone. */
async function checkAll(numbered: Numbered[], seed: number, tally: HistoryTally): Promise<void> {
  const installation = { apis, regions: cluster.regions, journals };
  const left = numbered.values();
  const failures: unknown[] = [];
  const worker = async () => {
    for (const [number, history] of left) {
      if (failures.length > 0) return;
      const run = new ClusterRun(installation, history, number, tally);
      try {
        await run.run(history.steps);
        await checkReads(run, must(apis[number % apis.length], 'there are routers'));
      } catch (error) {
        failures.push(error);
        const command = `SEED='${seed}:${number}' npx vitest run --project cluster ${FILE}`;
        const steps = history.steps.slice(0, run.begun).map((step) => fc.stringify(step));
        const text = [`history ${number} failed in the last of these steps:`, ...steps, command];
        process.stderr.write(`${text.join('\n')}\n`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (failures.length > 0) throw failures[0];
}

test(
  'books and model agree on random histories',
  async () => {
    const { seed, numbered } = chosen();
    process.stdout.write(`${numbered.length} histories of seed ${seed}\n`);
    const tally = new HistoryTally();
    await checkAll(numbered, seed, tally);
    process.stdout.write(`${tally.text()}\n`);
    expect(tally.outcomes.impossible()).toEqual([]);
    const urls = cluster.regions.map(({ auditorUrl }) => auditorUrl);
    const report = await runAudit({ urls, onProgress: () => undefined });
    expect(report.violations).toEqual([]);
    expect(report.ok).toBe(true);
    expect(report.inFlight.filter(({ amountMinor }) => amountMinor !== 0n)).toEqual([]);
  },
  TIMEOUT_MS,
);
