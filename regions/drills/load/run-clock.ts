/**
 * The one clock of a run: milliseconds since it began, which never jump, and the wall clock at
 * that moment, so that both can be reported.
 */
export class RunClock {
  readonly startedAt = new Date();
  readonly #origin = performance.now();

  /** Milliseconds since the run began. */
  now(): number {
    return performance.now() - this.#origin;
  }
}
