const TICK_MS = 100;

/**
 * Watches whether this machine stands still: a virtual one may get no processor for a minute.
 * What was measured meanwhile says nothing about what runs on it.
 */
export class Standstill {
  #longestMs = 0;
  #dueAt = performance.now() + TICK_MS;
  readonly #timer = setInterval(() => this.#tick(), TICK_MS);

  /** The longest time, in milliseconds, that this process was not run when it should have been. */
  get longestMs(): number {
    this.#tick();
    return this.#longestMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    this.#longestMs = Math.max(this.#longestMs, now - this.#dueAt);
    this.#dueAt = now + TICK_MS;
  }
}
