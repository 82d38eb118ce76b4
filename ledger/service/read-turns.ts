import { callerGone, overloaded } from '../rpc/error.ts';
import { ledgerTuning } from '../ledger-tuning.ts';

/**
 * Runs a few reads of callers at a time; the others wait in their order. A read whose caller has gone
 * takes no turn: reads that are given up would else be done one after the other, ahead of those
 * whose callers wait.
 */
export class ReadTurns {
  readonly #atOnce: number;
  readonly #waitingMax: number;
  /** What begins each of them, the first in the queue first. */
  readonly #waiting = new Set<() => void>();
  #running = 0;

  /** @param waitingMax reads that may wait; beyond them one is refused */
  constructor(atOnce = ledgerTuning.readConnections, waitingMax = Number.POSITIVE_INFINITY) {
    this.#atOnce = atOnce;
    this.#waitingMax = waitingMax;
  }

  /**
   * RESOURCE_EXHAUSTED: too many wait already. CANCELLED: the caller has gone.
   *
   * @param signal aborted when the caller has gone
   */
  async run<T>(read: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#turn(signal);
    try {
      return await read();
    } finally {
      // The next in the queue takes the place, before a newcomer can.
      const [next] = this.#waiting;
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) throw callerGone();
    if (this.#running < this.#atOnce) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.size >= this.#waitingMax) throw overloaded('too many reads wait', 500);
    await this.#wait(signal);
  }

  #wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(begin);
        reject(callerGone());
      };
      const begin = () => {
        this.#waiting.delete(begin);
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      this.#waiting.add(begin);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}
