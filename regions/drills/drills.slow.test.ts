import { join } from 'node:path';
import { expect, test } from 'vitest';
import { must } from '../../ledger/core/assert.ts';
import { whyNotReplicated } from '../test/replicated-profile.ts';
import { sharedInstallation } from '../test/shared-installation.ts';
import { temporaryFolder } from '../test/temporary-folder.ts';
import { readReport } from './report-files.ts';
import { type DrillResult, runDrill } from './run.ts';
import { scenarios } from './scenarios/all.ts';
import { Standstill } from './standstill.ts';

/** The drills that matter most, for real: every region's processes, real packages, real faults. */

const folder = temporaryFolder();
const installation = sharedInstallation();
/** The drill that failed: after it the books may be in any state, and the next proves nothing. */
let failed = '';

const why = whyNotReplicated();

/** Checks of how long something took, and what they may reach while other tests run beside. */
const timed = /^RTO|pause/u;
const longestMs = 60_000;

/** A machine that stood still for longer has broken more than the drill did. */
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

/** Once more after a run during which the machine stood still: that one has tested the machine. */
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
  .each(['region-loss', 'zombie-leader', 'cancelled-sync-wait', 'planned-evacuation-and-failback'])(
  '%s',
  async (name) => {
    if (failed !== '') throw new Error(`${failed} failed before`);
    failed = name;
    const drill = await runUndisturbed(name);
    const { report } = drill;
    const failing = report.checks.filter(({ result }) => result !== 'pass');
    for (const { name: check, measured } of failing)
      process.stderr.write(`${check}: ${measured}\n`);
    // How fast it is, only a quiet machine can tell; that nothing is lost holds on any.
    expect(failing.filter((check) => !timed.test(check.name))).toEqual([]);
    for (const { longestPauseMs } of report.books) expect(longestPauseMs).toBeLessThan(longestMs);
    expect(report.aborted).toBe('');
    // What is written is what was found.
    expect(readReport(drill.folder).checks).toEqual(report.checks);
    failed = '';
  },
  // A copy that has to be made anew is waited for, and a drill may have to be run twice.
  900_000,
);
