import { callerGone, overloaded, tooSlow } from '../rpc/error.ts';
import type { Queries, Sql } from '../store/connect.ts';
import type { Seen } from '../store/read-position.ts';
import { isTimeUp, withTimeLimit } from '../store/time-limit.ts';
import { type LedgerTuning, ledgerTuning } from '../ledger-tuning.ts';

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
  readonly #sql: Sql;
  readonly #tuning: LedgerTuning;
  readonly #cancelling: Sql | undefined;
  readonly #waiting = new Set<Waiting>();
  #running = 0;

  /** @param cancelling ends the reads of callers who have gone; without it they go on */
  constructor(sql: Sql, cancelling?: Sql, tuning: LedgerTuning = ledgerTuning) {
    this.#tuning = tuning;
    this.#sql = sql;
    this.#cancelling = cancelling;
  }

  /**
   * RESOURCE_EXHAUSTED: too many wait already. DEADLINE_EXCEEDED: it takes too long. CANCELLED:
   * the caller has gone.
   *
   * @param signal aborted when the caller has gone
   */
  async run<T>(read: (sql: Queries) => Promise<T>, signal?: AbortSignal): Promise<Seen<T>> {
    await this.#turn(signal);
    const { longReadMs } = this.#tuning;
    const through = this.#cancelling;
    const giveUp = signal === undefined || through === undefined ? undefined : { signal, through };
    try {
      return await withTimeLimit(this.#sql, longReadMs, read, giveUp);
    } catch (error) {
      if (signal?.aborted === true) throw callerGone();
      if (!isTimeUp(error)) throw error;
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
