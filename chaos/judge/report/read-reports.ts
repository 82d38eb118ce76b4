import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type RunReport, runReport } from './report-json.ts';

const JSON_FILE = 'report.json';

/** Every report.json in the folder and below, in the order of their paths. */
export function reportsBelow(folder: string): string[] {
  if (!statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder`);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path === JSON_FILE || path.endsWith(`/${JSON_FILE}`))
    .toSorted()
    .map((path) => join(folder, path));
}

/** Reads a report. Throws Error when the file is not the report of a chaos run. */
export function readReport(path: string): RunReport {
  try {
    return runReport.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw new Error(`${path} is not the report of a chaos run`, { cause: error });
  }
}
