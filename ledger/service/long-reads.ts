import { callerGone, overloaded, tooSlow } from '../rpc/error.ts';
import type { ServiceReads, SnapshotReads } from '../store/book-store.ts';
import { StoreError } from '../store/store-error.ts';
import { type LedgerTuning, ledgerTuning } from '../ledger-tuning.ts';
import type { Seen } from '../store/stored-records.ts';

/** A read that waits for its turn. */
interface Waiting {
  readonly begin: () => void;
}

/**
 * Runs reads whose cost the caller decides, such as searches: few at a time and each for a
 * short time, so that look-ups and retries always find a connection. A read whose caller has gone
 * takes neither a turn nor the database.
 */
export class LongReads {
  readonly #store: Pick<ServiceReads, 'snapshot'>;
  readonly #tuning: LedgerTuning;
  readonly #waiting = new Set<Waiting>();
  #running = 0;

  constructor(store: Pick<ServiceReads, 'snapshot'>, tuning: LedgerTuning = ledgerTuning) {
    this.#tuning = tuning;
    this.#store = store;
  }

  /**
   * RESOURCE_EXHAUSTED: too many wait already. DEADLINE_EXCEEDED: it takes too long. CANCELLED:
   * the caller has gone.
   *
   * @param signal aborted when the caller has gone
   */
  async run<T>(read: (reads: SnapshotReads) => Promise<T>, signal?: AbortSignal): Promise<Seen<T>> {
    await this.#turn(signal);
    const { longReadMs } = this.#tuning;
    try {
      return await this.#store.snapshot(longReadMs, read, signal);
    } catch (error) {
      if (signal?.aborted === true) throw callerGone();
      if (!(error instanceof StoreError) || error.failure !== 'time_up') throw error;
      throw tooSlow(
        `this takes more than ${longReadMs / 1000} seconds: ask for a shorter time, or for ` +
          'one account, code or reference',
      );
    } finally {
      // The next in the queue takes the place, before a newcomer can.
      const [next] = this.#waiting;
      if (next === undefined) this.#running -= 1;
      else next.begin();
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) throw callerGone();
    if (this.#running < this.#tuning.longReads) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.size >= this.#tuning.longReadsWaiting)
      throw overloaded('too many searches wait', 500);
    await this.#wait(signal);
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(waiting);
        reject(callerGone());
      };
      const waiting = {
        begin: () => {
          this.#waiting.delete(waiting);
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      this.#waiting.add(waiting);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}
