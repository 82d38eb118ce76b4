import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import { whyNotReplicated } from '../testing/replicated-profile.ts';
import { sharedInstallation } from '../testing/shared-installation.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { readReport } from './report-files.ts';
import { type DrillResult, runDrill } from './run-drill.ts';
import { scenarios } from './scenarios/all.ts';
import { Standstill } from '../faults/standstill.ts';

/**
 * The most important drills with real processes in every region, real packages, real faults.
 * `region-loss` runs with five regions: five-regions.replicated.test.ts.
 */

const folder = temporaryFolder();
const installation = sharedInstallation();
/** The drill that failed: the books may be in any state afterwards, so the next proves nothing. */
let failed = '';

const why = whyNotReplicated();

/** Checks of durations, and the maximum while other tests run at the same time. */
const timed = /^RTO|pause/u;
const longestMs = 60_000;

/** A machine that stood still for longer has done more damage than the drill. */
const standstillMs = 5_000;

const view = { phase() {}, mark() {}, called() {} };

async function runOnce(name: string): Promise<DrillResult> {
  const { state, faults } = installation();
  const scenario = must(
    scenarios.find((one) => one.name === name),
    'the scenario exists',
  );
  return await runDrill({
    scenario,
    state,
    faults,
    region: 'eu-west',
    ratePerRegion: 30,
    steadySeconds: 3,
    by: 'the test',
    why: `to see that ${name} passes`,
    outDir: join(folder(), 'drills'),
    signal: new AbortController().signal,
    view,
  });
}

/** The first calls that got no outcome, a line each, and their number. */
function troublesIn(drillFolder: string): string {
  const lines = readFileSync(join(drillFolder, 'calls.jsonl'), 'utf8').split('\n');
  const troubles = lines.filter((line) => line.includes('"trouble":'));
  return [...troubles.slice(0, 5), `${troubles.length} calls got no outcome`, ''].join('\n');
}

/** Repeats a run during which the machine stood still, because it has tested the machine. */
async function runUndisturbed(name: string): Promise<DrillResult> {
  const standstill = new Standstill();
  try {
    const drill = await runOnce(name);
    if (standstill.longestMs < standstillMs) return drill;
    const seconds = Math.round(standstill.longestMs / 1_000);
    process.stderr.write(`${name}: the machine stood still for ${seconds} s; run again\n`);
    return await runOnce(name);
  } finally {
    standstill.stop();
  }
}

test
  .skipIf(why !== '')
  .each(['zombie-leader', 'cancelled-sync-wait', 'planned-evacuation-and-failback'])(
  '%s',
  async (name) => {
    if (failed !== '') throw new Error(`${failed} failed before`);
    failed = name;
    const drill = await runUndisturbed(name);
    const { report } = drill;
    const failing = report.checks.filter(({ result }) => result !== 'pass');
    for (const { name: check, measured } of failing)
      process.stderr.write(`${check}: ${measured}\n`);
    if (failing.length > 0) process.stderr.write(troublesIn(drill.folder));
    // Only a quiet machine can measure how fast it is; nothing may be lost on any.
    expect(failing.filter((check) => !timed.test(check.name))).toEqual([]);
    for (const { longestPauseMs } of report.books) expect(longestPauseMs).toBeLessThan(longestMs);
    expect(report.aborted).toBe('');
    // The files contain the findings.
    expect(readReport(drill.folder).checks).toEqual(report.checks);
    failed = '';
  },
  // A replica may have to be copied again in full, and a drill may have to be run twice.
  900_000,
);
