import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { toJson } from '../regions/terminal/print.ts';
import type { Comparison } from './compare/comparison.ts';
import type { BenchResult } from './result/result.ts';

const folder = join(import.meta.dirname, 'results');

/** Writes a result to a file of its own. Returns its path within the checkout. */
export function writeResult(result: BenchResult): string {
  return write(result, result.commit);
}

/** Writes a comparison to a file of its own. Returns its path within the checkout. */
export function writeComparison(comparison: Comparison): string {
  return write(comparison, `${comparison.commit}-against-${comparison.against}`);
}

function write(result: BenchResult | Comparison, name: string): string {
  mkdirSync(folder, { recursive: true });
  // File names sort by time; a colon is not allowed in them everywhere.
  const time = result.startedAt.replace(/\.\d+Z$/u, 'Z').replaceAll(':', '-');
  const path = join(folder, `${time}-${name}.json`);
  writeFileSync(path, `${toJson(result, 2)}\n`);
  return join('bench', 'results', basename(path));
}

/** All results that were saved, the newest first; comparisons are none. */
export function savedResults(): BenchResult[] {
  let names: string[] = [];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  } catch {
    // No result was ever written.
  }
  return names
    .toSorted()
    .toReversed()
    .map((name): unknown => JSON.parse(readFileSync(join(folder, name), 'utf8')))
    .filter(isResult);
}

/**
 * The newest result that a README may show: sound, and more than a smoke test.
 * @throws Error if there is none
 */
export function newestResult(): BenchResult {
  const found = savedResults().find(isPresentable);
  if (found !== undefined) return found;
  throw new Error('there is no complete result in bench/results; run "npm run bench" first');
}

/** Only this benchmark writes to the folder, so the outer fields suffice to recognise its files. */
function isResult(value: unknown): value is BenchResult {
  if (typeof value !== 'object' || value === null) return false;
  return ['profile', 'figures', 'targets', 'findings', 'machine'].every((name) => name in value);
}

function isPresentable({ profile, figures, findings }: BenchResult): boolean {
  const { raw, batched, hot, mixed, singles, crossRegion, highest, baseline } = figures;
  const measured = [raw, batched, hot, mixed, singles, crossRegion, highest, baseline];
  const complete = measured.every((figure) => figure !== undefined);
  return complete && profile.name !== 'sanity' && findings.length === 0;
}
