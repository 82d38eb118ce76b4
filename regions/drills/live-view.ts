import type { RegionName } from '../topology/layout.ts';
import type { RecordedCall } from './load/call-log.ts';
import type { TimelineMark } from './report.ts';
import type { DrillView } from './drill-options.ts';

/** As often as an eye follows, and as seldom as a log stays readable. */
const DRAW_MS = 500;
const LINE_MS = 5_000;
/** The rate and latency shown are those of this last period. */
const WINDOW_MS = 2_000;
const MARKS_SHOWN = 12;

export interface LiveOutput {
  /** True: a screen that can be redrawn. */
  readonly isTTY: boolean;
  write(text: string): void;
}

interface Ended {
  readonly atMs: number;
  readonly tookMs: number;
  readonly failed: boolean;
}

/**
 * Shows the progress of a drill: one screen that is redrawn on a terminal, else a line for every
 * phase and mark, and one about the load now and then.
 */
export class LiveView implements DrillView {
  readonly #output: LiveOutput;
  readonly #title: string;
  readonly #regions: readonly RegionName[];
  readonly #startedAt = performance.now();
  readonly #ended = new Map<RegionName, Ended[]>();
  readonly #totals = new Map<RegionName, { acknowledged: number; errors: number }>();
  readonly #marks: TimelineMark[] = [];
  readonly #timer: NodeJS.Timeout;
  #phase = '';
  #drawnLines = 0;

  constructor(title: string, regions: readonly RegionName[], output: LiveOutput) {
    this.#title = title;
    this.#regions = regions;
    this.#output = output;
    this.#timer = setInterval(
      () => (output.isTTY ? this.#draw() : this.#line()),
      output.isTTY ? DRAW_MS : LINE_MS,
    );
  }

  phase(text: string): void {
    this.#phase = text;
    if (this.#output.isTTY) this.#draw();
    else this.#output.write(`${this.#time()}  ${text}\n`);
  }

  mark(mark: TimelineMark): void {
    this.#marks.push(mark);
    if (this.#output.isTTY) this.#draw();
    else this.#output.write(`${this.#time()}  ${markText(mark)}\n`);
  }

  called({ home, sentAtMs, endedAtMs, trouble }: RecordedCall): void {
    const failed = trouble !== undefined;
    const recent = this.#ended.get(home) ?? [];
    this.#ended.set(home, recent);
    recent.push({ atMs: performance.now(), tookMs: endedAtMs - sentAtMs, failed });
    const totals = this.#totals.get(home) ?? { acknowledged: 0, errors: 0 };
    this.#totals.set(home, totals);
    if (failed) totals.errors += 1;
    else totals.acknowledged += 1;
  }

  /** Shows the last state and stops. */
  stop(): void {
    clearInterval(this.#timer);
    if (this.#output.isTTY) this.#draw();
  }

  #time(): string {
    return `${((performance.now() - this.#startedAt) / 1_000).toFixed(1).padStart(6)} s`;
  }

  #line(): void {
    if (this.#totals.size === 0) return;
    const parts = this.#regions.map((region) => {
      const { rate, p99, errors } = this.#recent(region);
      return `${region} ${rate}/s p99 ${p99} ms ${errors} errors`;
    });
    this.#output.write(`${this.#time()}  ${parts.join(' | ')}\n`);
  }

  #draw(): void {
    const rows = this.#regions.map((region) => {
      const { rate, p50, p99 } = this.#recent(region);
      const { acknowledged, errors } = this.#totals.get(region) ?? { acknowledged: 0, errors: 0 };
      const cells = [rate, p50, p99, acknowledged, errors].map((value) =>
        String(value).padStart(9),
      );
      return `  ${region.padEnd(10)}${cells.join('')}`;
    });
    const titles = ['calls/s', 'p50 ms', 'p99 ms', 'answered', 'errors'];
    const lines = [
      `${this.#title}   ${this.#time()}`,
      `  ${this.#phase}`,
      '',
      `  ${'accounts'.padEnd(10)}${titles.map((title) => title.padStart(9)).join('')}`,
      ...rows,
      '',
      ...this.#marks
        .slice(-MARKS_SHOWN)
        .map((mark) => `  ${(mark.atMs / 1_000).toFixed(2).padStart(7)} s  ${markText(mark)}`),
    ];
    const up = this.#drawnLines > 0 ? `\u001B[${this.#drawnLines}A` : '';
    this.#output.write(`${up}${lines.map((line) => `\u001B[2K${line}\n`).join('')}`);
    this.#drawnLines = lines.length;
  }

  #recent(region: RegionName) {
    const since = performance.now() - WINDOW_MS;
    const recent = (this.#ended.get(region) ?? []).filter(({ atMs }) => atMs >= since);
    this.#ended.set(region, recent);
    const took = recent
      .filter(({ failed }) => !failed)
      .map(({ tookMs }) => tookMs)
      .toSorted((a, b) => a - b);
    const at = (share: number) => {
      const value = took[Math.min(took.length - 1, Math.floor(took.length * share))];
      return value === undefined ? '-' : value.toFixed(0);
    };
    return {
      rate: Math.round(took.length / (WINDOW_MS / 1_000)),
      p50: at(0.5),
      p99: at(0.99),
      errors: recent.filter(({ failed }) => failed).length,
    };
  }
}

function markText({ kind, text }: TimelineMark): string {
  return kind === 'other' ? text : `${kind.toUpperCase()}: ${text}`;
}
