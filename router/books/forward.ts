import { setTimeout as sleep } from 'node:timers/promises';
import { type Deadline, Metadata, status } from '@grpc/grpc-js';
import { backoffMs } from '../../ledger/backoff.ts';
import {
  CHANNEL_DIVERGED,
  callerGone,
  outcomeUnknown,
  reasonOf,
  RpcError,
  TOO_LATE,
  tooLate,
  unavailable,
} from '../../ledger/rpc/error.ts';
import type { Leader, Leaders } from '../../ledger/rpc/leaders.ts';
import { ReadLevel, type ReadOptions } from '../../proto/gen/meridian/v1/position.ts';
import { routerTuning, type RouterTuning } from '../router-tuning.ts';
import type { Book } from '../../ledger/core/book.ts';
import { remainingMs } from './call-deadline.ts';
import type { ClientCall } from './client-call.ts';
import { Copies, noAnswer } from './copies.ts';
import { isLoss, isOwnDeadline, passedOn } from './passed-on.ts';

/** While no leader answers. */
const BACKOFF = { firstMs: 20, longestMs: 500 };
/**
 * How much longer than a call is waited for a ledger server may take to answer it. A call that is
 * given up resets its stream, and a server closes a connection that has too many resets.
 */
const GRACE_MS = 500;
/** With less than this left no server is asked: no answer would come in time. */
const SHORTEST_MS = 2;

/** Limits of a read. */
export interface ReadLimits {
  readonly deadline: Deadline;
  readonly options?: ReadOptions | undefined;
  /** How long one copy of several is waited for before the next one is asked as well. */
  readonly patienceMs?: number;
  /** Aborted when the caller has gone. */
  readonly signal?: AbortSignal | undefined;
}

export interface CallOptions {
  /** Aborted when the caller has gone; only for reads. */
  readonly signal?: AbortSignal;
  /** Called when the outcome of an attempt is not known, and it is sent again. */
  readonly onUnclear?: () => void;
}

/**
 * Forwards calls that may be repeated (reads, and openings and changes, which their ids make
 * idempotent) to a book, and repeats them while there is time.
 */
export class Forward {
  readonly tuning: RouterTuning;
  readonly #leaders: Leaders;
  readonly #copies: Copies;

  constructor(leaders: Leaders, tuning: RouterTuning = routerTuning) {
    this.tuning = tuning;
    this.#leaders = leaders;
    this.#copies = new Copies(leaders, tuning);
  }

  /**
   * Asks the leader.
   * UNAVAILABLE: none was known within the deadline. DEADLINE_EXCEEDED with OUTCOME_UNKNOWN: it
   * did not answer in time. CANCELLED: the caller has gone. Other errors are the leader's.
   */
  async call<Response>(
    book: Book,
    deadline: Deadline,
    call: ClientCall<Response>,
    { signal, onUnclear }: CallOptions = {},
  ): Promise<Response> {
    const until = performance.now() + remainingMs(deadline, this.tuning);
    let lost = false;
    for (let attempt = 1; ; attempt += 1) {
      const leader = this.#leaders.leaderOf(book.number);
      const leftMs = until - performance.now();
      if (signal?.aborted === true) throw callerGone();
      if (leftMs <= SHORTEST_MS) throw this.#timeUp(book, lost);
      if (leader !== undefined) {
        try {
          return await this.#once(leader, leftMs, call, signal);
        } catch (error) {
          if (lost && leavesEarlierUnknown(error)) throw outcomeUnknown(status.UNKNOWN);
          if (!mayRepeat(error)) throw error;
          if (!isNotApplied(error)) {
            lost = true;
            onUnclear?.();
          }
        }
      }
      await sleep(Math.min(leftMs, backoffMs(attempt, BACKOFF)));
    }
  }

  /**
   * Asks a server that may answer at the level that the caller wants: the leader or, for STALE, any
   * copy. UNAVAILABLE: none of them answered within the deadline. Other errors are theirs.
   */
  async read<Response>(
    book: Book,
    { deadline, options, patienceMs, signal }: ReadLimits,
    call: ClientCall<Response>,
  ): Promise<Response> {
    if (options?.level === ReadLevel.STALE) {
      const until = performance.now() + remainingMs(deadline, this.tuning);
      return this.#copies.ask(book, until, call, { patienceMs, signal });
    }
    try {
      return await this.call(book, deadline, call, signal === undefined ? {} : { signal });
    } catch (error) {
      // A read has no outcome that could be unknown.
      if (error instanceof RpcError && error.outcomeUnknown) throw noAnswer(book);
      throw error;
    }
  }

  /**
   * Returns the outcome of a dry run from the leader. It has no outcome that could be unknown:
   * UNAVAILABLE if the leader does not answer within the deadline.
   */
  rehearse<Response>(
    book: Book,
    deadline: Deadline,
    call: ClientCall<Response>,
  ): Promise<Response> {
    return this.read(book, { deadline }, call);
  }

  /** When no server was asked, or those that were have been lost. */
  #timeUp(book: Book, lost: boolean): RpcError {
    if (lost) return outcomeUnknown(status.DEADLINE_EXCEEDED);
    if (this.#leaders.leaderOf(book.number) === undefined) {
      return unavailable('NO_LEADER', `${book.name} does not answer`, 200);
    }
    return tooLate(`the deadline passed before ${book.name} could be asked`);
  }

  #once<Response>(
    leader: Leader,
    leftMs: number,
    call: ClientCall<Response>,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + leftMs + GRACE_MS };
      const timer = setTimeout(() => reject(outcomeUnknown(status.DEADLINE_EXCEEDED)), leftMs);
      const cancel = () => asked.cancel();
      const asked = call(leader.client, new Metadata(), options, (error, response) => {
        clearTimeout(timer);
        stopWatching();
        signal?.removeEventListener('abort', cancel);
        if (error === null) resolve(response);
        // Without details it does not come from the leader: no answer came in time.
        else if (isOwnDeadline(error)) reject(outcomeUnknown(status.DEADLINE_EXCEEDED));
        else reject(passedOn(error));
      });
      // A leader that has been replaced may stay silent permanently.
      const stopWatching = this.#leaders.onChange((book) => {
        if (book !== leader.book) return;
        const now = this.#leaders.leaderOf(book);
        if (now !== undefined && now.epoch > leader.epoch) cancel();
      });
      signal?.addEventListener('abort', cancel, { once: true });
    });
  }
}

function mayRepeat(error: unknown): boolean {
  // Only the caller knows how long a book may take to reach the position asked for.
  // A diverged book does not post again before an operator has repaired it.
  return error instanceof RpcError && isLoss(error) && !FINAL.has(reasonOf(error));
}

const FINAL: ReadonlySet<string> = new Set(['BEHIND', CHANNEL_DIVERGED]);

/**
 * A full queue, a book that posts nothing, an attempt that came too late: none of them shows what
 * an attempt before may have done.
 */
function leavesEarlierUnknown(error: unknown): boolean {
  if (!(error instanceof RpcError)) return false;
  const reason = reasonOf(error);
  if (reason === CHANNEL_DIVERGED || reason === TOO_LATE) return true;
  return error.code === status.RESOURCE_EXHAUSTED;
}

/** True if the ledger server itself has reported that nothing was applied. */
function isNotApplied(error: unknown): boolean {
  return error instanceof RpcError && error.code === status.UNAVAILABLE && reasonOf(error) !== '';
}
