import { callerGone, tooSlow } from '../rpc/error.ts';
import type { ServiceReads, SnapshotReads } from '../store/book-store.ts';
import { StoreError } from '../store/store-error.ts';
import { type LedgerTuning, ledgerTuning } from '../ledger-tuning.ts';
import type { Seen } from '../store/stored-records.ts';
import { ReadTurns } from './read-turns.ts';

/**
 * Runs reads whose cost the caller decides, such as searches: few at a time and each for a
 * short time, so that look-ups and retries always find a connection. A read whose caller has gone
 * takes neither a turn nor the database.
 */
export class LongReads {
  readonly #store: Pick<ServiceReads, 'snapshot'>;
  readonly #tuning: LedgerTuning;
  readonly #turns: ReadTurns;

  constructor(store: Pick<ServiceReads, 'snapshot'>, tuning: LedgerTuning = ledgerTuning) {
    this.#tuning = tuning;
    this.#store = store;
    this.#turns = new ReadTurns(tuning.longReads, tuning.longReadsWaiting);
  }

  /**
   * RESOURCE_EXHAUSTED: too many wait already. DEADLINE_EXCEEDED: it takes too long. CANCELLED:
   * the caller has gone.
   *
   * @param signal aborted when the caller has gone
   */
  run<T>(read: (reads: SnapshotReads) => Promise<T>, signal?: AbortSignal): Promise<Seen<T>> {
    return this.#turns.run(() => this.#read(read, signal), signal);
  }

  async #read<T>(
    read: (reads: SnapshotReads) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<Seen<T>> {
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
    }
  }
}
