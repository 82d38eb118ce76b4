import type { Witness } from '../checkers/verdict.ts';
import type { FaultSpan, RunHistory } from '../history/read-history.ts';
import { type JudgedRun, operationLists } from './judged-run.ts';

/** Counts during a fault. */
export interface FaultCounts {
  /** Operations that overlapped it, however briefly. */
  readonly operations: number;
  /** Of these, the number whose outcome was unknown at first. */
  readonly unknown: number;
  /** Violations whose witness overlaps it. */
  readonly violations: number;
}

export interface NemesisRow extends FaultCounts {
  /** As the history names the fault, such as "N3 pause-leader". */
  readonly what: string;
  /** Number of runs in which it struck. */
  readonly runs: number;
  /** Total number of strikes. */
  readonly times: number;
}

/**
 * Results under each nemesis. An operation that met several at once counts for each of them, and
 * once in the total.
 */
export interface NemesisTable {
  readonly runs: number;
  /** By their place in the catalogue. */
  readonly rows: readonly NemesisRow[];
  /** Counts without any fault. */
  readonly none: FaultCounts;
  /** `violations`: all of them; only the smallest of an invariant have a witness. */
  readonly total: FaultCounts;
}

type Counts = { -readonly [K in keyof FaultCounts]: FaultCounts[K] };
type CountedRow = { -readonly [K in keyof NemesisRow]: NemesisRow[K] };

const nothingSeen = (): Counts => ({ operations: 0, unknown: 0, violations: 0 });

/** The table of one run. Takes operations times faults comparisons. */
export function nemesisTable({ history, verdicts }: JudgedRun): NemesisTable {
  const rows = new Map<string, CountedRow>();
  for (const { what } of history.faults) {
    const row = rows.get(what) ?? { what, runs: 1, times: 0, ...nothingSeen() };
    row.times += 1;
    rows.set(what, row);
  }
  const none = nothingSeen();
  const total = nothingSeen();
  const spans = history.faults.map((fault) => ({ ...fault, counts: rows.get(fault.what) ?? none }));
  /** Counts each nemesis once, even if it struck twice meanwhile. */
  const met = (fromNs: number, toNs: number): Set<Counts> => {
    const found = new Set<Counts>();
    for (const { startedNs, endedNs, counts } of spans) {
      if (fromNs < endedNs && toNs > startedNs) found.add(counts);
    }
    return found.size === 0 ? found.add(none) : found;
  };
  for (const list of operationLists(history)) {
    for (const { invokedNs, returnedNs, type } of list) {
      for (const counts of met(invokedNs, returnedNs).add(total)) {
        counts.operations += 1;
        if (type === 'info') counts.unknown += 1;
      }
    }
  }
  const zeroMs = Date.parse(history.header.startedAt);
  for (const verdict of verdicts.values()) {
    if (verdict.state !== 'fail') continue;
    total.violations += verdict.total;
    for (const witness of verdict.witnesses) {
      const own = witness.faults
        .map(({ what }) => rows.get(what))
        .filter((row) => row !== undefined);
      const spansOfTime = timesOf(witness, zeroMs).map(([from, to]) => met(from, to));
      const all = new Set<Counts>([...own, ...spansOfTime.flatMap((found) => [...found])]);
      // Under "none" only if there was no fault.
      if (all.size > 1) all.delete(none);
      for (const counts of all.size === 0 ? [none] : all) counts.violations += 1;
    }
  }
  return { runs: 1, rows: inOrder([...rows.values()]), none, total };
}

/** The table of all runs together. */
export function addUpTables(tables: readonly NemesisTable[]): NemesisTable {
  const rows = new Map<string, CountedRow>();
  const none = nothingSeen();
  const total = nothingSeen();
  let runs = 0;
  for (const table of tables) {
    runs += table.runs;
    add(none, table.none);
    add(total, table.total);
    for (const row of table.rows) {
      const known = rows.get(row.what);
      if (known === undefined) {
        rows.set(row.what, { ...row });
        continue;
      }
      known.runs += row.runs;
      known.times += row.times;
      add(known, row);
    }
  }
  return { runs, rows: inOrder([...rows.values()]), none, total };
}

function add(to: Counts, { operations, unknown, violations }: FaultCounts): void {
  to.operations += operations;
  to.unknown += unknown;
  to.violations += violations;
}

function inOrder(rows: readonly NemesisRow[]): NemesisRow[] {
  return rows.toSorted((a, b) => a.what.localeCompare(b.what, 'en', { numeric: true }));
}

/**
 * When the calls of a witness took place: from request to answer. Journal rows use their own time
 * only if a witness has no calls, for it is from the clock of a book.
 */
export function timesOf(
  { operations, rows, faults }: Witness,
  zeroMs: number,
): (readonly [fromNs: number, toNs: number])[] {
  if (operations.length > 0) return operations.map((one) => [one.invokedNs, one.returnedNs]);
  if (faults.length > 0) return [];
  return rows.map(({ row }) => {
    const ns = row.atMicros * 1e3 - zeroMs * 1e6;
    return [ns, ns];
  });
}

/** Faults around a witness's time, except those that the witness names itself. */
export function neighbours(witness: Witness, { faults, header }: RunHistory): FaultSpan[] {
  const times = timesOf(witness, Date.parse(header.startedAt));
  return faults.filter(
    (fault) =>
      !witness.faults.includes(fault) &&
      times.some(([from, to]) => from - NEAR_NS < fault.endedNs && to + NEAR_NS > fault.startedNs),
  );
}

/** A fault this long before or after may be related. */
const NEAR_NS = 5e9;
