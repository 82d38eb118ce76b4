import { z } from 'zod';

/**
 * The result of a drill: everything that its verdict is based on. It is written as JSON and
 * read again by `meridian drill report`. Times are milliseconds since the drill began, measured
 * with a monotonic clock; amounts are whole minor units as text, as JSON numbers would lose
 * digits. Null stands for what was not measured or did not happen.
 */

const region = z.string();
const atMs = z.number();

export const markKinds = [
  'injected',
  'detected',
  'fenced',
  'promoted',
  'first-good-write',
  'healed',
  'other',
] as const;

/** Something that happened at one moment, for the timeline. */
const timelineMark = z.object({
  atMs,
  kind: z.enum(markKinds),
  /** Name of the book it concerns; absent: the whole installation. */
  book: z.string().optional(),
  region: region.optional(),
  /** For people, such as "us-east leads eu-west-1 in epoch 3". */
  text: z.string(),
});

/** One second of the calls that pay from accounts homed in one region. */
const seriesPoint = z.object({
  /** Since the drill began; the second 3 is from 3,000 to 3,999 ms. */
  second: z.number().int(),
  /** Calls that were answered in it with an outcome. */
  acknowledged: z.number().int(),
  /** Calls that ended in it with a fault. */
  errors: z.number().int(),
  /** Of the calls answered in it. */
  p50Ms: z.number().nullable(),
  p99Ms: z.number().nullable(),
});

/** The outage of one book. */
const bookFigures = z.object({
  name: z.string(),
  home: region,
  /** True: the scenario removes or moves its leader, so its writes may pause. */
  affected: z.boolean(),
  leaderBefore: region.nullable(),
  leaderAfter: region.nullable(),
  epochBefore: z.number().int().nullable(),
  epochAfter: z.number().int().nullable(),
  /**
   * From the injection to the first answered write that was sent after it, if the writes paused
   * at all: the answer that ends the longest pause. Of a book that is moved on purpose, the
   * longest pause itself. Null: it was not affected, or was not writable again before the drill
   * gave up waiting.
   */
  rtoMs: z.number().nullable(),
  /** Longest time without an acknowledged write within the book, from the injection on. */
  longestPauseMs: z.number().nullable(),
  /** Since the injection. */
  detectedMs: z.number().nullable(),
  fencedMs: z.number().nullable(),
  promotedMs: z.number().nullable(),
  firstGoodWriteMs: z.number().nullable(),
});

/** The effect on healthy regions: calls that pay within the accounts homed there. */
const collateral = z.object({
  region,
  calls: z.number().int(),
  errors: z.number().int(),
  longestPauseMs: z.number().nullable(),
});

/** A set of calls: their number, their total amount, and the first keys. */
const callSet = z.object({
  count: z.number().int(),
  amountMinor: z.string(),
  /** At most 20. */
  keys: z.array(z.string()),
});

/** Acknowledgements by one epoch of one book. */
const epochFigures = z.object({
  book: z.string(),
  epoch: z.number().int(),
  /** Address of the ledger server that led in it, according to the journal; '' if unknown. */
  leader: z.string(),
  acknowledged: z.number().int(),
  firstAtMs: atMs.nullable(),
  lastAtMs: atMs.nullable(),
});

/** One replica of a book, compared with its primary. */
const copyFigures = z.object({
  book: z.string(),
  region,
  role: z.enum(['primary', 'replica', 'unknown']),
  seq: z.number().int().nullable(),
  /** `prefix`: it equals the primary up to its own position. */
  state: z.enum(['prefix', 'differs', 'unread']),
  text: z.string(),
});

const evidence = z.object({
  /** False: something could not be read, so nothing here proves that all is well. */
  complete: z.boolean(),
  /** Sources that could not be read, and why. */
  unread: z.array(z.string()),
  /** Calls of the load. */
  calls: z.number().int(),
  /** Of them, those that were answered with an outcome. */
  acknowledged: z.number().int(),
  /** Acknowledged, but missing: the recovery point objective allows none. */
  missing: callSet,
  /** Keys with more than one row in a journal. */
  duplicates: callSet,
  /** Acknowledged with another outcome than the journal has. */
  contradicted: callSet,
  /** Answered "not applied", but applied. */
  falselyRefused: callSet,
  /** Journal rows of the load's accounts with a key that no caller sent. */
  phantoms: callSet,
  /** Acknowledged in an epoch that had been deposed before the call was sent. */
  deposed: callSet,
  /** Calls with an outcome unknown to their caller, and those left after asking again. */
  unknownBefore: z.number().int(),
  unknownAfter: z.number().int(),
  /** Of those asked again: found applied, and not found, which the retry then decided. */
  unknownWereApplied: z.number().int(),
  unknownWereNot: z.number().int(),
  epochs: z.array(epochFigures),
  /** The whole audit of all books, from their first rows. Null: it could not be run. */
  audit: z
    .object({
      ok: z.boolean(),
      rows: z.number().int(),
      violationsTotal: z.number().int(),
      violations: z.array(
        z.object({
          invariant: z.string(),
          place: z.string(),
          seq: z.number().int(),
          text: z.string(),
        }),
      ),
    })
    .nullable(),
  /** Descriptions of the invariants that the audit checks, by name such as I1. */
  invariants: z.record(z.string(), z.string()),
  /** Transfers in transit between books after the repair: there should be none. */
  inTransit: z.array(
    z.object({
      from: z.string(),
      to: z.string(),
      asset: z.string(),
      transfers: z.number().int(),
      amountMinor: z.string(),
    }),
  ),
  copies: z.array(copyFigures),
  /** From the healing until every region served and every book had three copies again. */
  healedAfterMs: z.number().nullable(),
});

const checkResults = ['pass', 'fail', 'unknown'] as const;

/** One condition that had to hold. */
const check = z.object({
  name: z.string(),
  /** For people, such as "< 15 s". */
  limit: z.string(),
  /** For people, such as "9.8 s". */
  measured: z.string(),
  result: z.enum(checkResults),
});

export const drillReport = z.object({
  format: z.literal(1),
  /** Such as 2026-11-21T12-30-00Z-region-loss. */
  id: z.string(),
  scenario: z.string(),
  hypothesis: z.string(),
  /** Text: what was broken. */
  breaks: z.string(),
  /** Texts: what was done, in order. */
  steps: z.array(z.string()),
  abortConditions: z.array(z.string()),
  verdict: z.enum(['pass', 'fail', 'aborted']),
  /** Why it was aborted; empty otherwise. */
  aborted: z.string(),
  operator: z.string(),
  why: z.string(),
  /** ISO 8601, by the wall clock. */
  startedAt: z.string(),
  endedAt: z.string(),
  /** Hash of the commit that ran, with "+changes" if files differ from it; '' if unknown. */
  commit: z.string(),
  /** Release by program, such as node, postgres, patroni. */
  versions: z.record(z.string(), z.string()),
  /** Settings of the run, such as rate, seconds, delays, by name. */
  config: z.record(z.string(), z.string()),
  timeline: z.array(timelineMark),
  series: z.array(z.object({ region, points: z.array(seriesPoint) })),
  books: z.array(bookFigures),
  collateral: z.array(collateral),
  /** Null: the drill was aborted before there was anything to read. */
  evidence: evidence.nullable(),
  checks: z.array(check),
  notTested: z.array(z.string()),
  /** Files with details: the recorded calls, the logs of the processes. */
  logs: z.array(z.string()),
});

export type DrillReport = z.infer<typeof drillReport>;
export type TimelineMark = z.infer<typeof timelineMark>;
export type MarkKind = TimelineMark['kind'];
export type SeriesPoint = z.infer<typeof seriesPoint>;
export type RegionSeries = DrillReport['series'][number];
export type BookFigures = z.infer<typeof bookFigures>;
export type Collateral = z.infer<typeof collateral>;
export type CallSet = z.infer<typeof callSet>;
export type EpochFigures = z.infer<typeof epochFigures>;
export type CopyFigures = z.infer<typeof copyFigures>;
export type DrillEvidence = z.infer<typeof evidence>;
export type Check = z.infer<typeof check>;
export type DrillVerdict = DrillReport['verdict'];
