import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Jobs that take a noticeable time of the processor, one after the other: between two of them
 * everything else that waits has its turn. Without it the answers to many subscribers who catch
 * up would come together, and hold up every other call meanwhile.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs a job when those before it have ended, however they did. */
  take<T>(job: () => Promise<T>): Promise<T> {
    const mine = this.#after(this.#last, job);
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #after<T>(before: Promise<unknown>, job: () => Promise<T>): Promise<T> {
    await before;
    await nextTurn();
    return job();
  }
}
