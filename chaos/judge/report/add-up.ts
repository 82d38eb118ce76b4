import type { VerdictState } from './judged-run.ts';
import { addUpTables, type NemesisTable } from './nemesis-table.ts';
import type { RunReport } from './report-json.ts';

/** Sums of several runs. */
export interface Sum {
  readonly runs: number;
  /** Number of runs by verdict. */
  readonly verdicts: Readonly<Record<VerdictState, number>>;
  /** Every seed, once for each run that had it. */
  readonly seeds: readonly number[];
  /** Total duration. */
  readonly seconds: number;
  /**
   * Number of runs in which an invariant was violated or undecided; without those that always held.
   */
  readonly invariants: Readonly<
    Record<string, { readonly fail: number; readonly unknown: number }>
  >;
  readonly nemeses: NemesisTable;
}

export function addUp(reports: readonly RunReport[]): Sum {
  const verdicts = { pass: 0, fail: 0, unknown: 0 };
  const invariants: Record<string, { fail: number; unknown: number }> = {};
  let seconds = 0;
  for (const { verdict, verdicts: single, startedAt, endedAt } of reports) {
    verdicts[verdict] += 1;
    seconds += (Date.parse(endedAt) - Date.parse(startedAt)) / 1_000;
    for (const [name, { state }] of Object.entries(single)) {
      if (state === 'pass') continue;
      const counts = (invariants[name] ??= { fail: 0, unknown: 0 });
      counts[state] += 1;
    }
  }
  return {
    runs: reports.length,
    verdicts,
    seeds: reports.map(({ seed }) => seed).toSorted((a, b) => a - b),
    seconds: Math.round(seconds),
    invariants,
    nemeses: addUpTables(reports.map(({ nemeses }) => nemeses)),
  };
}
