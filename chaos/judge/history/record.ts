import type { CallFailure, Kind } from './operation.ts';

/** The lines of a history: a header, then events, in the order of the harness's clock. */

/** Limits for judging the run that depend on the installation. */
export interface Judging {
  /** Maximum error of the books' clocks, faults of the run included. */
  readonly clockSkewMs: number;
  /** A call that no fault touches is answered within this time. */
  readonly answersWithinMs: number;
  /** A fault may have effects for this long after its end. */
  readonly recoversWithinMs: number;
  /** After the heal everything serves and has drained within this time. */
  readonly livenessMs: number;
}

export interface BookOfRun {
  readonly number: number;
  readonly name: string;
  /** Home region. */
  readonly region: string;
  /** Regions that have a copy of it, including the primary. Each must be read at the end. */
  readonly copies: readonly string[];
  /** Its newest seq when the run began: rows up to here are not of this run. */
  readonly startSeq: number;
}

export interface HistoryHeader {
  readonly kind: 'header';
  readonly seed: number;
  /** Commit of the checkout. */
  readonly commit: string;
  /** By program, such as postgres. */
  readonly versions: Readonly<Record<string, string>>;
  /** Every option of the run, including those drawn from the seed. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly startedAt: string;
  readonly books: readonly BookOfRun[];
  /** Namespaces of the run's keys. */
  readonly namespaces: readonly string[];
  /** True: no other client uses the installation, so rows of other namespaces are phantoms. */
  readonly exclusive: boolean;
  readonly judging: Judging;
}

export interface OperationRecord {
  readonly kind: 'op';
  readonly index: number;
  readonly process: number;
  readonly type: 'invoke' | 'ok' | 'fail' | 'info';
  readonly f: Kind;
  readonly ns: number;
  readonly router: string;
  /** Idempotency key, if the request has one. */
  readonly key?: string;
  /** Of an invocation. */
  readonly value?: unknown;
  /** Of `ok`. */
  readonly reply?: unknown;
  /** Of `fail` and `info`. */
  readonly fault?: CallFailure;
}

/**
 * Calls that a fault may touch: those through the router of a region, those that need a book, those
 * that need two, or those that match all of these. An absent field matches any; `{}` matches all
 * calls.
 */
export interface Harm {
  readonly router?: string;
  readonly book?: number;
  /** For a fault between two books: the call needs this one as well. */
  readonly and?: number;
}

export interface NemesisRecord {
  readonly kind: 'nemesis';
  readonly index: number;
  readonly type: 'start' | 'end';
  /** Identical at the start and at the end of one fault. */
  readonly id: number;
  /** Such as "N3 pause". */
  readonly what: string;
  readonly targets: readonly string[];
  /** Calls that the fault may touch while it lasts. */
  readonly harms: readonly Harm[];
  readonly ns: number;
}

/** The harness was notified that a ledger server leads a book. */
export interface EpochRecord {
  readonly kind: 'epoch';
  readonly index: number;
  readonly book: number;
  readonly epoch: number;
  /** Region of the server. */
  readonly region: string;
  readonly ns: number;
}

/** Steps of a run, in this order. */
export const phases = [
  'load',
  'faults',
  'heal',
  'liveness',
  're_ask',
  'fence',
  'final_reads',
  'end',
] as const;
export type Phase = (typeof phases)[number];

/** A step begins; `heal`: everything has been healed. */
export interface PhaseRecord {
  readonly kind: 'phase';
  readonly index: number;
  readonly phase: Phase;
  /** The harness's wall clock, in milliseconds since 1970. Absent in earlier versions. */
  readonly wallMs?: number;
  readonly ns: number;
}

/**
 * Findings of the harness about the run. `unwell`: no fault was active any more, and the
 * installation did not become healthy again. `missing`: evidence that verdicts need is unknown.
 * `stopped`: the operator ended the run before its time.
 */
export type Fact = 'unwell' | 'missing' | 'stopped';

export interface FactRecord {
  readonly kind: 'fact';
  readonly index: number;
  readonly fact: Fact;
  /** A sentence that describes it. */
  readonly text: string;
  readonly ns: number;
}

export type HistoryRecord =
  | HistoryHeader
  | OperationRecord
  | NemesisRecord
  | EpochRecord
  | PhaseRecord
  | FactRecord;
