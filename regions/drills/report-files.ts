import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DrillReport, drillReport } from './report.ts';

/** Writes report.json and report.html into the folder of the drill. */
export async function writeReport(folder: string, report: DrillReport): Promise<void> {
  // The picture needs a library that other commands should not load.
  const { renderReport } = await import('./report/render.ts');
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  writeFileSync(join(folder, 'report.html'), renderReport(report));
}

/** Reads a report. Throws Error when the file is missing or is not a report. */
export function readReport(path: string): DrillReport {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'report.json') : path;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`there is no report at ${file}`, { cause: error });
  }
  try {
    return drillReport.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(`${file} is not the report of a drill`, { cause: error });
  }
}

/** The folder of the newest drill in `outDir`; undefined if there is none. */
export function newestDrill(outDir: string): string | undefined {
  if (!existsSync(outDir)) return undefined;
  // Names begin with the time.
  const name = readdirSync(outDir)
    .filter((entry) => existsSync(join(outDir, entry, 'report.json')))
    .toSorted()
    .at(-1);
  return name === undefined ? undefined : join(outDir, name);
}
