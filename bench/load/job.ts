import type { Effects } from './effects.ts';

/** What the benchmark asks of a load process, and what it receives in reply. */

/** Opens accounts without limits in one region, and remembers them in place of those before. */
export interface OpenJob {
  readonly kind: 'open';
  /** HOST:PORT of a router. */
  readonly router: string;
  readonly region: string;
  readonly count: number;
  readonly externalIdPrefix: string;
  /** True: they are for mixed requests alone, of which amounts stay held when a round ends. */
  readonly mixed: boolean;
}

/** How long a measurement lasts. What is answered before the warm-up ends is not counted. */
export interface Window {
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** Calls of many requests, with a constant number of calls in flight. */
export interface CallsJob {
  readonly kind: 'calls';
  /**
   * Mixed: with holds, ends of holds and groups among plain transfers; see mixed-calls.ts.
   * Redrawn: plain transfers between other accounts of `from` each time; see redrawn-call.ts.
   */
  readonly requests: 'plain' | 'mixed' | 'redrawn';
  readonly routes: readonly Route[];
  readonly itemsPerCall: number;
  /** Calls in flight on each route. */
  readonly inFlight: number;
  /** No more are sent on each route in a second; undefined: each as soon as one is answered. */
  readonly callsPerSecond?: number;
  /** End after these requests if the window has not ended by then. */
  readonly requestsMax?: number;
  readonly window: Window;
}

/** From which region to which regions transfers go, and through which router. */
export interface Route {
  readonly router: string;
  readonly from: string;
  /** Share of the transfers that goes to other regions' accounts, evenly: 0..1. */
  readonly awayShare: number;
  readonly away: readonly string[];
  /** True: every transfer credits one and the same account of `from`. */
  readonly hot: boolean;
}

/** Calls of one transfer each at a fixed rate, however slowly they are answered. */
export interface SinglesJob {
  readonly kind: 'singles';
  readonly router: string;
  readonly from: string;
  /** Frames that were encoded in advance, or the client library as a payer uses it. */
  readonly client: 'frames' | 'library';
  readonly ratePerSecond: number;
  /** With this number of calls unanswered the rate is too much, and nothing more is sent. */
  readonly unansweredMax: number;
  readonly window: Window;
}

/** One transfer for each two accounts of a region, so that every account is touched once. */
export interface TouchJob {
  readonly kind: 'touch';
  readonly router: string;
  readonly region: string;
  readonly itemsPerCall: number;
  readonly inFlight: number;
}

/** Makes the book of the bare loop and opens its accounts. Must come before any raw job. */
export interface RawOpenJob {
  readonly kind: 'raw-open';
  readonly databaseUrl: string;
  readonly accounts: number;
  /** Transfers of each batch. */
  readonly itemsPerBatch: number;
}

/** The bare loop: posting transactions straight against a database of its own. */
export interface RawJob {
  readonly kind: 'raw';
  readonly window: Window;
}

/** Makes the tables and accounts of the conventional ledger. Must come before a baseline job. */
export interface BaselineOpenJob {
  readonly kind: 'baseline-open';
  /** Of an empty database, as its owner. */
  readonly databaseUrl: string;
  readonly accounts: number;
}

/** Load on the conventional ledger: each client has one call in flight. */
export interface BaselineJob {
  readonly kind: 'baseline';
  readonly clients: number;
  readonly itemsPerCall: number;
  readonly window: Window;
}

export type Job =
  | OpenJob
  | CallsJob
  | SinglesJob
  | TouchJob
  | RawOpenJob
  | RawJob
  | BaselineOpenJob
  | BaselineJob;

/** Latencies in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly count: number;
}

/** What one route, or the bare loop, has had acknowledged, the warm-up included. */
export interface Acknowledged {
  /** Name of the payers' region; '' for the bare loop. */
  readonly from: string;
  /** Requests that were sent and answered. */
  readonly requests: number;
  /** Of their answers, by status. */
  readonly posted: number;
  readonly inTransit: number;
  readonly held: number;
  readonly released: number;
  readonly refused: number;
  /** The effects of all of them if none was refused. */
  readonly effects: Effects;
}

export interface LoadResult {
  readonly acknowledged: readonly Acknowledged[];
  /** Calls that got an error. Whether they were applied is not known. */
  readonly failedCalls: number;
  /** Calls of the timetable that were not sent, because too many were unanswered. */
  readonly unsentCalls: number;
  /** The first errors, for the report. */
  readonly errors: readonly string[];
  /** Requests answered per second within the window. */
  readonly perSecond: number;
  /** Of calls (or batches), from the moment they were meant to be sent. */
  readonly latency: Latency | undefined;
  /** How late the generator itself was in sending; part of `latency`. Only for singles. */
  readonly sendDelay: Latency | undefined;
  /** What the generator used of the processor while it sent; undefined for the bare loop. */
  readonly processorSeconds: number | undefined;
}

/** A job with a number, as it goes to the load process. */
export interface JobMessage {
  readonly number: number;
  readonly job: Job;
}

/** Exactly one for each job. */
export type ReplyMessage =
  | { readonly number: number; readonly result: LoadResult }
  | { readonly number: number; readonly error: string };

/** True for what the benchmark sends to a load process. */
export function isJobMessage(message: unknown): message is JobMessage {
  return isNumbered(message) && 'job' in message;
}

/** True for what a load process sends back. */
export function isReplyMessage(message: unknown): message is ReplyMessage {
  return isNumbered(message) && ('result' in message || 'error' in message);
}

/** Both ends of the channel are of one version, so checking the outer fields is enough. */
function isNumbered(message: unknown): message is object {
  return typeof message === 'object' && message !== null && 'number' in message;
}
