/**
 * The one clock of a run: milliseconds since it began, which never jump, and what the wall clock
 * said then, so that both can be told.
 */
export class RunClock {
  readonly startedAt = new Date();
  readonly #origin = performance.now();

  /** Milliseconds since the run began. */
  now(): number {
    return performance.now() - this.#origin;
  }
}
