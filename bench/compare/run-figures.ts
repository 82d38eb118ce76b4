import { z } from 'zod';

/** The parts that can be compared: plain transfers, which every commit has. */
export const comparedParts = ['a', 'b', 'c', 'd'] as const;
export type ComparedPart = (typeof comparedParts)[number];

/** The rate of part d whose latency is compared. */
const SINGLES_RATE = 1_000;

/** The figures of a run. Parts that were not measured are undefined. */
export interface RunFigures extends Readonly<Record<ComparedPart, number | undefined>> {
  readonly findings: readonly string[];
}

const series = z.object({ medianPerSecond: z.number() }).optional();
const single = z.object({
  ratePerSecond: z.number(),
  measurement: z.object({ latency: z.object({ p50: z.number() }).optional() }),
});

/** The fields that are read from the output of a run, at any commit. */
const schema = z.object({
  findings: z.array(z.string()),
  figures: z.object({
    raw: series,
    batched: series,
    hot: series,
    singles: z.array(single).optional(),
  }),
});

/**
 * The figures in what a run printed with --json.
 * @throws Error if it is something else
 */
export function readFigures(json: string): RunFigures {
  const { findings, figures } = schema.parse(JSON.parse(json));
  const { raw, batched, hot, singles } = figures;
  const compared = singles?.find(({ ratePerSecond }) => ratePerSecond === SINGLES_RATE);
  return {
    findings,
    a: raw?.medianPerSecond,
    b: batched?.medianPerSecond,
    c: hot?.medianPerSecond,
    d: compared?.measurement.latency?.p50,
  };
}
