const TICK_MS = 100;

/**
 * Watches whether this machine stands still: a virtual one may get no processor for a minute.
 * What was measured meanwhile proves nothing about what runs on it.
 */
export class Standstill {
  readonly #onLate: (lateMs: number) => void;
  #longestMs = 0;
  #dueAt = performance.now() + TICK_MS;
  readonly #timer = setInterval(() => this.#tick(), TICK_MS);

  /** `onLate` receives the delay of this process's timer ten times a second. */
  constructor(onLate: (lateMs: number) => void = () => {}) {
    this.#onLate = onLate;
  }

  /** The longest time, in milliseconds, that this process was not scheduled. */
  get longestMs(): number {
    this.#tick();
    return this.#longestMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    const lateMs = now - this.#dueAt;
    this.#longestMs = Math.max(this.#longestMs, lateMs);
    this.#dueAt = now + TICK_MS;
    this.#onLate(lateMs);
  }
}
