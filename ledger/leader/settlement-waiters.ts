import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import type { CreateTransferResponse } from '../../proto/gen/meridian/v1/transfer.ts';
import { TransferStatus } from '../../proto/gen/meridian/v1/transfer.ts';
import type { CloseCommand } from '../core/post/command.ts';
import type { LateResult } from './work.ts';

const PRUNE_AT_LEAST = 10_000;

interface Waiter {
  /** Channel number of its leg. */
  readonly number: number;
  /** By performance.now(): the caller no longer waits after that. */
  readonly until: number;
  readonly index: number;
  /** The answer that was given at first: IN_TRANSIT. */
  readonly response: CreateTransferResponse;
  readonly onLate: (results: LateResult[]) => void;
}

/** Callers that were answered IN_TRANSIT and may still wait for the final status. */
export class SettlementWaiters {
  /** By peer book. */
  readonly #waiters = new Map<number, Waiter[]>();
  /** Through which number of each peer's channel all who waited have been notified. */
  readonly #notified = new Map<number, number>();
  /** How many may wait for one book before those whose time is up are cleared away. */
  #pruneAt = PRUNE_AT_LEAST;

  /** False: its number was reported before it came, and will not be again. */
  add(peerBook: number, waiter: Waiter): boolean {
    if (waiter.number <= (this.#notified.get(peerBook) ?? 0)) return false;
    const waiters = this.#waiters.get(peerBook);
    if (waiters === undefined) {
      this.#waiters.set(peerBook, [waiter]);
      return true;
    }
    waiters.push(waiter);
    if (waiters.length < this.#pruneAt) return true;
    const now = performance.now();
    const live = waiters.filter(({ until }) => until > now);
    this.#waiters.set(peerBook, live);
    this.#pruneAt = Math.max(PRUNE_AT_LEAST, live.length * 2);
    return true;
  }

  /** A repair has given numbers to other legs: who waits is left with IN_TRANSIT, and asks again. */
  forget(peerBook: number): void {
    this.#waiters.delete(peerBook);
  }

  /** Notifies all whose number the peer has answered, grouped by caller. */
  settle({ peerBook, through, refused }: CloseCommand): void {
    this.#notified.set(peerBook, Math.max(through, this.#notified.get(peerBook) ?? 0));
    const waiters = this.#waiters.get(peerBook) ?? [];
    const reasons = new Map(refused.map(({ number, reason }) => [number, reason]));
    const waiting: Waiter[] = [];
    const late = new Map<Waiter['onLate'], LateResult[]>();
    for (const waiter of waiters) {
      if (waiter.number > through) {
        waiting.push(waiter);
        continue;
      }
      const result = finalOutcome(waiter.response, reasons.get(waiter.number));
      const results = late.get(waiter.onLate);
      if (results === undefined) late.set(waiter.onLate, [{ index: waiter.index, result }]);
      else results.push({ index: waiter.index, result });
    }
    this.#waiters.set(peerBook, waiting);
    for (const [onLate, results] of late) onLate(results);
  }
}

function finalOutcome(
  response: CreateTransferResponse,
  refusal: Reason | undefined,
): CreateTransferResponse {
  if (refusal === undefined) return { ...response, status: TransferStatus.POSTED };
  return { ...response, status: TransferStatus.RETURNED, reason: refusal };
}
