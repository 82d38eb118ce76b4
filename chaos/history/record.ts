import type { Fault, Kind } from './operation.ts';

/** The lines of a history: a header, then what happened, in the order of the harness's clock. */

/** By what the run is judged where that is not the same for every installation. */
export interface Judging {
  /** How far the clocks of the books may be off, faults of the run included. */
  readonly clockSkewMs: number;
  /** A call that no fault stands in the way of is answered within this time. */
  readonly answersWithinMs: number;
  /** A fault may be felt for so long after its end. */
  readonly recoversWithinMs: number;
  /** After everything is healed, everything serves and has drained within this time. */
  readonly livenessMs: number;
}

export interface BookOfRun {
  readonly number: number;
  readonly name: string;
  /** Home region. */
  readonly region: string;
  /** Regions that have a copy of it, the primary's too. Each must be read at the end. */
  readonly copies: readonly string[];
  /** Its newest row when the run began: rows up to here are not of this run. */
  readonly startSeq: number;
}

export interface HistoryHeader {
  readonly kind: 'header';
  readonly seed: number;
  /** Of the checkout. */
  readonly commit: string;
  /** By the name of what has it, such as postgres. */
  readonly versions: Readonly<Record<string, string>>;
  /** Every option of the run, those drawn from the seed too. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly startedAt: string;
  readonly books: readonly BookOfRun[];
  /** Namespaces of the run's keys. */
  readonly namespaces: readonly string[];
  /** True: nobody else uses the installation, so rows of other namespaces are phantoms. */
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
  /** Idempotency key; only of what has one. */
  readonly key?: string;
  /** Of an invocation. */
  readonly value?: unknown;
  /** Of `ok`. */
  readonly reply?: unknown;
  /** Of `fail` and `info`. */
  readonly fault?: Fault;
}

/**
 * Calls that a fault may touch: those through the router of a region, those that need a book,
 * those that need two, or what is all of it. Whatever is left out stands for any; `{}` touches
 * all.
 */
export interface Harm {
  readonly router?: string;
  readonly book?: number;
  /** Of a fault between two books: the call needs this one as well. */
  readonly and?: number;
}

export interface NemesisRecord {
  readonly kind: 'nemesis';
  readonly index: number;
  readonly type: 'start' | 'end';
  /** The same at the start and at the end of one fault. */
  readonly id: number;
  /** Such as "N3 pause". */
  readonly what: string;
  readonly targets: readonly string[];
  /** What the fault may touch while it lasts. */
  readonly harms: readonly Harm[];
  readonly ns: number;
}

/** The harness heard that a ledger server leads a book. */
export interface EpochRecord {
  readonly kind: 'epoch';
  readonly index: number;
  readonly book: number;
  readonly epoch: number;
  /** Of the server. */
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
  /** The harness's wall clock, in milliseconds since 1970. Left out by earlier versions. */
  readonly wallMs?: number;
  readonly ns: number;
}

/**
 * What the harness itself has found out about the run.
 * `unwell`: nothing was broken any more, and the installation did not become well again.
 * `missing`: something that verdicts lean on is not known.
 * `stopped`: whoever started the run ended it before its time.
 */
export type Fact = 'unwell' | 'missing' | 'stopped';

export interface FactRecord {
  readonly kind: 'fact';
  readonly index: number;
  readonly fact: Fact;
  /** A sentence that says what. */
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
