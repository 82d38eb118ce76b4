import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DrillRun } from './drill-run.ts';
import type { DrillOptions } from './drill-options.ts';
import type { DrillReport } from './report.ts';
import { writeReport } from './report-files.ts';

export interface DrillResult {
  readonly report: DrillReport;
  /** Has report.json, report.html and calls.jsonl. */
  readonly folder: string;
}

/**
 * Runs a scenario against an installation under steady load: checks that it is well, breaks it,
 * repairs it, waits until it is well again, and proves from callers' records and the journals
 * what became of the payments. What was broken is always repaired.
 *
 * Throws Error when the drill cannot begin, for example when it has no folder to write to.
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
