import { count, styled } from '../../../regions/terminal/print.ts';
import { table } from '../../../regions/terminal/table.ts';
import type { NemesisTable, FaultCounts } from './nemesis-table.ts';

/** The table for a terminal. For a single run it omits the number of runs. */
export function nemesisText({ runs, rows, none, total }: NemesisTable): string {
  const hasRuns = runs !== 1;
  const line = (what: string, ofRuns: string, times: string, seen: FaultCounts) => [
    what,
    ...(hasRuns ? [ofRuns] : []),
    times,
    count(seen.operations),
    count(seen.unknown),
    seen.violations === 0 ? '0' : styled(['red', 'bold'], count(seen.violations)),
  ];
  const times = rows.reduce((sum, row) => sum + row.times, 0);
  return table(
    [
      { title: 'nemesis' },
      ...(hasRuns ? [{ title: 'runs', align: 'right' } as const] : []),
      { title: 'times', align: 'right' },
      { title: 'operations', align: 'right' },
      { title: 'unknown', align: 'right' },
      { title: 'violations', align: 'right' },
    ],
    [
      ...rows.map((row) => line(row.what, count(row.runs), count(row.times), row)),
      line('no fault', '', '', none),
      line('all', count(runs), count(times), total),
    ],
  );
}

/** Explains the table. */
export const NEMESIS_NOTE =
  'An operation that met several faults counts for each of them, and once in the total; a violation counts for the faults that its witness met.';
