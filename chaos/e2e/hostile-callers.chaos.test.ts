import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../regions/supervisor/embedded/embedded-cluster.ts';
import { endFolder, makeFolder } from '../../regions/testing/folder.ts';
import { decodeBombs } from '../drive/nemeses/decode-bombs.ts';
import { expiredCalls } from '../drive/nemeses/expired-calls.ts';
import type { Nemesis } from '../drive/nemeses/nemesis.ts';
import { startStruck, type Struck } from './test/struck.ts';

/** Callers who send hostile requests strike one installation; all others are served. */

const PAID_MS = 2_000;

let cluster: Cluster;
let struck: Struck;
let failed = true;
const folder = makeFolder();

beforeAll(async () => {
  ({ cluster, struck } = await startStruck(folder, { links: false }));
});

afterAll(async () => {
  struck?.close();
  await cluster?.stop();
  endFolder(folder, failed);
});

const starts = () => cluster.state().processes.map(({ name, starts: count }) => `${name} ${count}`);

/** Strikes for `forMs`, and expects every payment meanwhile. Returns what the nemesis reports. */
async function strike(nemesis: Nemesis, seed: number, forMs: number): Promise<string> {
  const before = starts();
  struck.notes.length = 0;
  const aimed = await nemesis.aim(struck.scene(seed));
  expect(aimed.harms).toEqual([]);
  const until = performance.now() + forMs;
  try {
    await aimed.begin();
    while (performance.now() < until) {
      expect(await struck.unpaid(struck.payments, PAID_MS)).toEqual([]);
      await sleep(100);
    }
  } finally {
    await aimed.end();
  }
  expect(starts()).toEqual(before);
  return struck.notes.join();
}

/** How often routers have lost a stream and repeated its calls. */
const sentAgain = () =>
  cluster
    .state()
    .processes.filter(({ name }) => name.endsWith('/router'))
    .map(({ logFile }) => readFileSync(logFile, 'utf8').split('sending again').length - 1);

test('decode-bombs: callers who send none wait no longer', async () => {
  const report = await strike(decodeBombs, 7, 15_000);
  expect(report).toMatch(/^p99 \d+ ms of \d{2,} other calls, 0 failed; p99 \d+ ms .* 0 failed$/u);
  for (const [, ms] of report.matchAll(/p99 (\d+) ms/gu)) expect(Number(ms)).toBeLessThan(1_000);
});

test('expired-calls: a minute of 100 a second breaks no stream', async () => {
  const before = sentAgain();
  const report = await strike(expiredCalls, 11, 60_000);
  expect(report).toMatch(/ broke 0 times$/u);
  const [expired, answers] = [...report.matchAll(/\d+/gu)].map(Number);
  expect(expired).toBeGreaterThan(6_000);
  expect(answers).toBeGreaterThan(100);
  expect(sentAgain()).toEqual(before);
  failed = false;
});
