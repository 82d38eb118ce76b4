import { z } from 'zod';
import type { Verdict, Witness } from '../checkers/verdict.ts';
import type { Operation } from '../history/operation.ts';
import type { FaultSpan } from '../history/read-history.ts';
import { isStopped, type JudgedRun, verdictOf } from './judged-run.ts';
import { nemesisTable } from './nemesis-table.ts';

/**
 * The machine-readable result of a run: report.json. Times are nanoseconds since the run began,
 * null if there was no end; amounts and other large numbers are text.
 */

const count = z.number().int().nonnegative();
const seen = z.object({ operations: count, unknown: count, violations: count });
const states = ['pass', 'fail', 'unknown'] as const;

const nemeses = z.object({
  runs: count,
  rows: z.array(seen.extend({ what: z.string(), runs: count, times: count })),
  none: seen,
  total: seen,
});

const verdict = z.discriminatedUnion('state', [
  z.object({ state: z.literal('pass'), checked: count }),
  z.object({
    state: z.literal('fail'),
    total: count,
    witnesses: z.array(
      z.object({
        text: z.string(),
        operations: z.array(z.unknown()),
        rows: z.array(z.unknown()),
        faults: z.array(z.unknown()),
      }),
    ),
  }),
  z.object({ state: z.literal('unknown'), why: z.array(z.string()) }),
]);

export const runReport = z.object({
  format: z.literal(1),
  verdict: z.enum(states),
  seed: z.number(),
  profile: z.string(),
  commit: z.string(),
  versions: z.record(z.string(), z.string()),
  options: z.record(z.string(), z.unknown()),
  startedAt: z.string(),
  endedAt: z.string(),
  /** True: a signal ended the run before its time. */
  stopped: z.boolean().default(false),
  /** By invariant. */
  verdicts: z.record(z.string(), verdict),
  nemeses,
  operations: count,
  /** Operations whose outcome was unknown at first. */
  unknown: count,
  notRun: z.array(z.object({ name: z.string(), place: z.string(), why: z.string() })),
  missing: z.array(z.string()),
  logs: z.array(z.string()),
});
export type RunReport = z.infer<typeof runReport>;

export function reportJson(run: JudgedRun): RunReport {
  const { history, verdicts, notRun, missing, logs, endedAt } = run;
  const { seed, commit, versions, options, startedAt } = history.header;
  const { profile } = options;
  const table = nemesisTable(run);
  return runReport.parse({
    format: 1,
    verdict: verdictOf(run),
    seed,
    profile: typeof profile === 'string' ? profile : '',
    commit,
    versions,
    options: plain(options),
    startedAt,
    endedAt,
    stopped: isStopped(run),
    verdicts: Object.fromEntries([...verdicts].map(([name, one]) => [name, plainVerdict(one)])),
    nemeses: table,
    operations: table.total.operations,
    unknown: table.total.unknown,
    notRun,
    missing,
    logs,
  });
}

function plainVerdict(one: Verdict): unknown {
  return one.state === 'fail' ? { ...one, witnesses: one.witnesses.map(plainWitness) } : one;
}

function plainWitness({ text, operations, rows, faults }: Witness) {
  return {
    text,
    operations: operations.map(plainOperation),
    rows: rows.map(plain),
    faults: faults.map(plainFault),
  };
}

function plainOperation({ completedNs: _open, returnedNs, ...rest }: Operation): unknown {
  return plain({ ...rest, heardNs: finite(returnedNs) });
}

function plainFault({ endedNs, ...rest }: FaultSpan): unknown {
  return { ...rest, endedNs: finite(endedNs) };
}

const finite = (ns: number) => (ns === Infinity ? null : ns);

/** Converts large numbers to text. */
function plain(value: unknown): unknown {
  const text = JSON.stringify(value, (_name, item: unknown) =>
    typeof item === 'bigint' ? String(item) : item,
  );
  return JSON.parse(text);
}
