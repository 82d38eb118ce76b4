import { Presets, SingleBar } from 'cli-progress';

import { count, note } from './print.ts';

/** How often a line is written where there is no terminal to draw a bar on. */
const LINE_EVERY_MS = 3_000;
/** The rate shown is that of about this long ago until now. */
const RATE_WINDOW_MS = 1_000;

/** Shows progress: a bar on a terminal, else a line every few seconds. */
export class Progress {
  readonly #title: string;
  readonly #unit: string;
  readonly #bar: SingleBar | undefined;
  readonly #startedAt = performance.now();
  #windowAt = performance.now();
  #windowDone = 0;
  #rate = 0;
  #done = 0;
  #total = 0;
  #lineAt = performance.now();
  #started = false;

  /** `unit` as in "payments". The bar appears with the first update. */
  constructor(title: string, unit: string) {
    this.#title = title;
    this.#unit = unit;
    if (!process.stderr.isTTY) return;
    this.#bar = new SingleBar(
      {
        stream: process.stderr,
        format: `${title} [{bar}] {shown} of {all} ${unit}  {rate}/s`,
        barsize: 28,
        hideCursor: true,
        clearOnComplete: false,
        gracefulExit: false,
        fps: 10,
      },
      Presets.legacy,
    );
  }

  update(done: number, total: number): void {
    const now = performance.now();
    this.#done = done;
    this.#total = total;
    if (now - this.#windowAt >= RATE_WINDOW_MS) {
      this.#rate = ((done - this.#windowDone) * 1_000) / (now - this.#windowAt);
      this.#windowAt = now;
      this.#windowDone = done;
    }
    if (this.#bar) {
      if (!this.#started) this.#bar.start(total, done, this.#payload());
      else this.#bar.update(done, this.#payload());
    } else if (now - this.#lineAt >= LINE_EVERY_MS) {
      this.#lineAt = now;
      this.#line(this.#rate);
    }
    this.#started = true;
  }

  /** Removes the bar or writes the last line, and shows the cursor again. */
  stop(): void {
    if (!this.#started) return;
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    this.#rate = this.#done / Math.max(seconds, 0.001);
    if (this.#bar) {
      this.#bar.update(this.#done, this.#payload());
      this.#bar.stop();
    } else {
      this.#line(this.#rate);
    }
    this.#started = false;
  }

  #payload(): Record<string, string> {
    // The rate of the first moments would be meaningless.
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    const soFar = seconds > 0.3 ? count(this.#done / seconds) : '-';
    const rate = this.#rate > 0 ? count(this.#rate) : soFar;
    return { shown: count(this.#done), all: count(this.#total), rate };
  }

  #line(rate: number): void {
    const { shown, all } = this.#payload();
    note(`${this.#title}: ${shown} of ${all} ${this.#unit}, ${count(rate)}/s`);
  }
}
