import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientUnaryCall, Metadata } from '@grpc/grpc-js';
import { backoffMs } from '../../ledger/backoff.ts';
import { must } from '../../ledger/core/assert.ts';
import { behindAt, callerGone, type RpcError, unavailable } from '../../ledger/rpc/error.ts';
import type { ReachableServer, Leaders } from '../../ledger/rpc/leaders.ts';
import type { RouterTuning } from '../router-tuning.ts';
import type { Book } from '../../ledger/core/book.ts';
import type { ClientCall } from './client-call.ts';
import { isLoss, isOwnDeadline, passedOn } from './passed-on.ts';

/** After this multiple of its patience a read stops waiting, and asks the copies known then. */
const PATIENCE_TIMES = 10;
/** A copy that was silent, or could not answer, is tried last for this long. */
const LAST_MS = 2_000;
/** The longest pause before all are asked again. */
const PAUSE_MS = 50;

/** Limits of one read of copies. */
interface AskLimits {
  readonly patienceMs?: number | undefined;
  /** Aborted when the caller has gone. */
  readonly signal?: AbortSignal | undefined;
}

interface RoundLimits extends AskLimits {
  /** By Date.now(). */
  readonly deadline: number;
  readonly patienceMs: number;
}

/** No copy that may answer did so within the deadline. */
export function noAnswer(book: Book): RpcError {
  return unavailable('NO_ANSWER', `${book.name} does not answer`, 200);
}

/** Reads from any copy of a book, led or not: the nearest one that answers. */
export class Copies {
  readonly #leaders: Leaders;
  readonly #patienceMs: number;
  /** Addresses that are asked last, and until when; by performance.now(). */
  readonly #lastUntil = new Map<string, number>();

  constructor(leaders: Leaders, tuning: RouterTuning) {
    this.#patienceMs = tuning.patienceMs;
    this.#leaders = leaders;
  }

  /**
   * The answer of the nearest copy that can give it, and asks again until then.
   * UNAVAILABLE with BEHIND: no copy that answers has reached the position asked for; it is that of
   * the newest one, as soon as all of them have answered. UNAVAILABLE with NO_ANSWER: none answered
   * in time. CANCELLED: the caller has gone. Other errors are a copy's.
   *
   * @param until by performance.now()
   */
  async ask<Response>(
    book: Book,
    until: number,
    call: ClientCall<Response>,
    { patienceMs = this.#patienceMs, signal }: AskLimits = {},
  ): Promise<Response> {
    let newest: RpcError | undefined;
    for (;;) {
      const copies = this.#inOrder(book.number);
      if (copies.length > 0) {
        const leftMs = Math.min(until - performance.now(), patienceMs * PATIENCE_TIMES);
        const limits = { deadline: Date.now() + leftMs, patienceMs, signal };
        const round = await this.#askEach(copies, limits, call);
        if ('response' in round) return round.response;
        const behind = round.failures.filter((failure) => behindAt(failure) !== undefined);
        newest = farthest(newest === undefined ? behind : [...behind, newest]);
        if (newest !== undefined && behind.length === copies.length) throw newest;
      }
      if (signal?.aborted === true) throw callerGone();
      if (performance.now() + PAUSE_MS >= until) throw newest ?? noAnswer(book);
      await sleep(backoffMs(1, { firstMs: PAUSE_MS, longestMs: PAUSE_MS }));
    }
  }

  /** Nearest first, those that did not answer lately last. */
  #inOrder(book: number): readonly ReachableServer[] {
    const now = performance.now();
    const isLast = ({ address }: ReachableServer) => (this.#lastUntil.get(address) ?? 0) > now;
    return this.#leaders.copiesOf(book).toSorted((a, b) => Number(isLast(a)) - Number(isLast(b)));
  }

  #askLast({ address }: ReachableServer): void {
    this.#lastUntil.set(address, performance.now() + LAST_MS);
  }

  /**
   * Asks one copy after the other, the next one as soon as one fails or takes too long, and takes
   * the first answer of any. Rejects with an error that is no loss, whichever copy gives it.
   */
  #askEach<Response>(
    copies: readonly ReachableServer[],
    { deadline, patienceMs, signal }: RoundLimits,
    call: ClientCall<Response>,
  ): Promise<{ response: Response } | { failures: RpcError[] }> {
    return new Promise((resolve, reject) => {
      const calls: ClientUnaryCall[] = [];
      const failures: RpcError[] = [];
      let timer: NodeJS.Timeout | undefined;
      let isOver = false;
      const end = (settle: () => void) => {
        isOver = true;
        clearTimeout(timer);
        signal?.removeEventListener('abort', leave);
        for (const each of calls) each.cancel();
        settle();
      };
      const leave = () => end(() => reject(callerGone()));
      signal?.addEventListener('abort', leave, { once: true });
      const askNext = () => {
        clearTimeout(timer);
        if (calls.length === copies.length) return;
        if (this.#leaders.isClosed) {
          end(() => resolve({ failures }));
          return;
        }
        const copy = must(copies[calls.length], 'one is left');
        const asked = call(copy.client, new Metadata(), { deadline }, (error, response) => {
          if (isOver) return;
          if (error === null) {
            end(() => resolve({ response }));
            return;
          }
          const failure = passedOn(error);
          if (!isLoss(failure) && !isOwnDeadline(error)) {
            end(() => reject(failure));
            return;
          }
          failures.push(failure);
          // One whose database is away takes 200 ms to report that; one that is behind is near.
          if (behindAt(failure) === undefined) this.#askLast(copy);
          if (failures.length === copies.length) end(() => resolve({ failures }));
          else askNext();
        });
        calls.push(asked);
        timer = setTimeout(() => {
          this.#askLast(copy);
          askNext();
        }, patienceMs);
      };
      askNext();
    });
  }
}

/** Returns the failure of the newest of the copies that are behind. */
function farthest(behind: readonly RpcError[]): RpcError | undefined {
  return behind.toSorted((a, b) => Number((behindAt(b) ?? 0n) - (behindAt(a) ?? 0n)))[0];
}
