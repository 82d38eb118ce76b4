import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../logger.ts';
import type { LeaderStore } from '../store/book-store.ts';
import { describe } from '../store/store-error.ts';
import type { BookLeader } from './book-leader.ts';
import { isBug } from './ledger-error.ts';
import { type LedgerTuning, ledgerTuning } from '../ledger-tuning.ts';

/**
 * Expires holds. It goes along the holds in the order in which they expire, each once: the
 * cursor is stored with the batch that expires them, so that a restart or another leader goes
 * on where this one stopped.
 */
export class Sweeper {
  readonly #store: Pick<LeaderStore, 'readDueHolds'>;
  readonly #leader: BookLeader;
  readonly #log: Logger;
  readonly #tuning: LedgerTuning;
  #stopped = false;

  constructor(
    store: Pick<LeaderStore, 'readDueHolds'>,
    leader: BookLeader,
    log: Logger,
    tuning: LedgerTuning = ledgerTuning,
  ) {
    this.#tuning = tuning;
    this.#store = store;
    this.#leader = leader;
    this.#log = log;
  }

  stop(): void {
    this.#stopped = true;
  }

  /**
   * Sweeps until `stop`. Failures are logged and tried again.
   * @throws Error of isBug
   */
  async run(): Promise<void> {
    while (!this.#stopped) {
      let more = false;
      try {
        more = await this.#sweep();
      } catch (error) {
        if (isBug(error)) throw error;
        this.#log.debug('holds cannot be expired', { why: describe(error) });
      }
      if (!more) await sleep(this.#tuning.sweepMs);
    }
  }

  /** One batch. Returns true if there may be more at once. */
  async #sweep(): Promise<boolean> {
    const { memory } = this.#leader;
    const { sweepHolds } = this.#tuning;
    const nowMicros = this.#leader.nextMicros();
    const due = await this.#store.readDueHolds(memory.swept, nowMicros, sweepHolds);
    if (due === null) return false;
    const { ids, cursor, seen } = due;
    await this.#leader.execute({ kind: 'expire', holds: ids, swept: cursor, seen });
    return ids.length === sweepHolds && memory.swept.seq === cursor.seq;
  }
}
