import type { HistoryRecorder } from '../history/recorder.ts';

const TICK_MS = 100;
/** A machine that has so much else to do is a fault of its own. */
const LATE_MS = 1_500;

/**
 * Records as a fault when this process was not run for a while: a machine that stands still
 * touches every call, and nobody but the machine is to blame for it.
 */
export class StandstillWatch {
  readonly #timer: NodeJS.Timeout;
  #dueAt = performance.now() + TICK_MS;

  constructor(recorder: HistoryRecorder, tell: (text: string) => void) {
    this.#timer = setInterval(() => {
      const now = performance.now();
      const lateMs = now - this.#dueAt;
      this.#dueAt = now + TICK_MS;
      if (lateMs < LATE_MS) return;
      tell(`the machine stood still for ${(lateMs / 1_000).toFixed(1)} s`);
      recorder.fault('the machine stood still', ['machine'], [{}])();
    }, TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
