import { z } from 'zod';
import type { FigureName } from './compared-figures.ts';

/** The rate of part d whose latency is compared. */
const SINGLES_RATE = 1_000;

/** The figures of a run. Those that were not measured are absent. */
export interface RunFigures {
  readonly figures: Readonly<Partial<Record<FigureName, number>>>;
  /** Why figures are void, each with its part in front: `b: ...`. */
  readonly findings: readonly string[];
}

const cost = z.object({ cpuMicros: z.record(z.string(), z.number()), walBytes: z.number() });
const round = z.object({ acknowledged: z.number().default(0), cost: cost.optional() });
const series = z
  .object({ medianPerSecond: z.number(), rounds: z.array(round).default([]) })
  .optional();
const single = z.object({
  ratePerSecond: z.number(),
  measurement: z.object({ latency: z.object({ p50: z.number(), p99: z.number() }).optional() }),
});
const step = z.object({ perSecond: z.number() });

/** The fields that are read from the output of a run, at any commit. */
const schema = z.object({
  findings: z.array(z.string()),
  figures: z.object({
    raw: series,
    batched: series,
    hot: series,
    mixed: series,
    singles: z.array(single).optional(),
    crossRegion: z.object({ measurement: step }).optional(),
    memory: z.object({ residentBytes: z.number() }).optional(),
    highest: z.array(z.object({ client: z.string(), ratePerSecond: z.number() })).optional(),
    growth: z.object({ steps: z.array(step) }).optional(),
  }),
});

/**
 * The figures in what a run printed with --json.
 * @throws Error if it is something else
 */
export function readFigures(json: string): RunFigures {
  const { findings, figures } = schema.parse(JSON.parse(json));
  const { raw, batched, hot, mixed, singles, crossRegion, memory, highest, growth } = figures;
  const compared = singles?.find(({ ratePerSecond }) => ratePerSecond === SINGLES_RATE);
  const latency = compared?.measurement.latency;
  const highestOf = (client: string) =>
    highest?.find((figure) => figure.client === client)?.ratePerSecond;
  const found: Readonly<Record<FigureName, number | undefined>> = {
    a: raw?.medianPerSecond,
    b: batched?.medianPerSecond,
    ledgerMicros: meanOf(batched, ({ cpuMicros }) => cpuMicros['ledger']),
    routerMicros: meanOf(batched, ({ cpuMicros }) => cpuMicros['router']),
    postgresMicros: meanOf(batched, ({ cpuMicros }) => cpuMicros['postgres']),
    walBytes: meanOf(batched, ({ walBytes }) => walBytes),
    c: hot?.medianPerSecond,
    d: latency?.p50,
    dTail: latency?.p99,
    e: crossRegion?.measurement.perSecond,
    f: memory?.residentBytes,
    g: mixed?.medianPerSecond,
    hFrames: highestOf('frames'),
    hLibrary: highestOf('library'),
    iFirst: growth?.steps[0]?.perSecond,
    iLast: growth?.steps.at(-1)?.perSecond,
  };
  const known = Object.entries(found).filter(([, value]) => value !== undefined);
  return { findings, figures: Object.fromEntries(known) };
}

/** Each round counts by its requests; undefined if no round has it. */
function meanOf(
  part: z.infer<typeof series>,
  of: (each: z.infer<typeof cost>) => number | undefined,
): number | undefined {
  let [sum, requests] = [0, 0];
  for (const { acknowledged, cost: each } of part?.rounds ?? []) {
    const value = each === undefined ? undefined : of(each);
    if (value === undefined) continue;
    sum += value * acknowledged;
    requests += acknowledged;
  }
  return requests > 0 ? sum / requests : undefined;
}

/** Both runs of one commit: figures and findings of either. */
export function together(one: RunFigures, other: RunFigures): RunFigures {
  return {
    figures: { ...one.figures, ...other.figures },
    findings: [...one.findings, ...other.findings],
  };
}
