import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { RegionName } from '../topology/layout.ts';
import type { ClusterState } from '../topology/state.ts';
import type { Faults } from '../faults/faults.ts';
import { DrillRun } from './drill-run.ts';
import type { DrillReport, TimelineMark } from './report.ts';
import type { RecordedCall } from './load/call-log.ts';
import type { Scenario } from './scenario.ts';
import { writeReport } from './report-files.ts';

export interface DrillOptions {
  readonly scenario: Scenario;
  /** Of the installation that is broken: a replicated one that is ready. */
  readonly state: ClusterState;
  readonly faults: Faults;
  /** The region that is broken. */
  readonly region: RegionName;
  /** Transfers a second in each region. */
  readonly ratePerRegion: number;
  /** How long payments run undisturbed before the fault, and again after all is mended. */
  readonly steadySeconds: number;
  readonly by: string;
  readonly why: string;
  /** A folder for the drill is made in it. */
  readonly outDir: string;
  /** Ends the drill early: what is broken is mended first. */
  readonly signal: AbortSignal;
  readonly view: DrillView;
}

/** Who is told how a drill goes. */
export interface DrillView {
  phase(text: string): void;
  mark(mark: TimelineMark): void;
  called(call: RecordedCall): void;
}

export interface DrillResult {
  readonly report: DrillReport;
  /** Has report.json, report.html and calls.jsonl. */
  readonly folder: string;
}

/**
 * Runs a scenario against an installation under steady load: checks that it is well, breaks it,
 * mends it, waits until it is well again, and proves from callers' records and the journals
 * what became of the payments. Whatever happens, what was broken is mended.
 *
 * Throws Error when the drill cannot even begin, such as for want of a folder to write to.
 */
export async function runDrill(options: DrillOptions): Promise<DrillResult> {
  const id = `${new Date().toISOString().replaceAll(/[:.]/gu, '-').slice(0, 19)}Z-${options.scenario.name}`;
  const folder = join(options.outDir, id);
  mkdirSync(folder, { recursive: true });
  const run = new DrillRun(options, id, join(folder, 'calls.jsonl'));
  const report = await run.run();
  const logs = new Set(options.state.processes.map(({ logFile }) => dirname(logFile)));
  const complete = { ...report, logs: [join(folder, 'calls.jsonl'), ...logs] };
  await writeReport(folder, complete);
  return { report: complete, folder };
}
