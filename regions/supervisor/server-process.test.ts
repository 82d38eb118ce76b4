import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { defaultProcessSettings } from '../config/process-settings.ts';
import { defaultTopology } from '../topology/topology.ts';
import { serverSpec } from './server-process.ts';

const run = promisify(execFile);

/** Replaces 20 MB of live objects thirty times, then prints how many full collections that took. */
const CHURN = `
  const { PerformanceObserver, constants } = require('node:perf_hooks');
  let full = 0;
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) {
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full += 1;
    }
  }).observe({ entryTypes: ['gc'] });
  const live = Array.from({ length: 20_000 }, () => new Array(100).fill(0));
  let rounds = 0;
  const turn = () => {
    for (let n = 0; n < live.length; n += 1) live[n] = new Array(100).fill(n);
    rounds += 1;
    if (rounds < 30) setTimeout(turn, 1);
    else setTimeout(() => console.log(full), 20);
  };
  turn();`;

test('the small heap of a ledger server is rarely collected in full', async () => {
  const { args } = serverSpec({
    kind: 'ledger',
    program: '-e',
    place: {},
    settings: defaultProcessSettings(defaultTopology, 'embedded'),
    files: { name: 'server', logFile: 'server.log', pidFile: 'server.pid', stage: 1 },
    probe: () => Promise.resolve(true),
    liveness: undefined,
  });
  const { stdout } = await run(process.execPath, [...args, CHURN]);
  // Three or four, and five on a busy machine; as V8 grows a heap by default, eleven to nineteen.
  expect(Number(stdout)).toBeLessThanOrEqual(8);
});
