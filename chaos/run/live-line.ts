import type { EndedCall } from '../judge/history/recorder.ts';
import type { RunView } from './view.ts';

const DRAW_MS = 500;
const LINE_MS = 5_000;
/** Wide enough for a line, where the terminal does not report its width. */
const WIDTH = 120;

export interface LineOutput {
  /** True: a terminal, whose last line can be drawn again. */
  readonly isTTY?: boolean;
  /** Of the terminal, in characters. */
  readonly columns?: number;
  write(text: string): unknown;
}

interface Ended {
  readonly router: string;
  readonly atMs: number;
  readonly tookMs: number;
  readonly isAnswered: boolean;
}

interface Fault {
  readonly what: string;
  /** With its targets. */
  readonly name: string;
  readonly startedAt: number;
}

/**
 * Shows the progress of a run: one line that is redrawn on a terminal, otherwise a line now
 * and then, and one for every step and fault.
 */
export class LiveLine implements RunView {
  readonly #output: LineOutput;
  readonly #timer: NodeJS.Timeout;
  readonly #startedAt = performance.now();
  /** The rate and latency shown are those of this last period. */
  readonly #windowMs: number;
  readonly #faults: Fault[] = [];
  readonly #routers = new Set<string>();
  #ended: Ended[] = [];
  #unknown = 0;
  #phase = '';

  constructor(output: LineOutput) {
    this.#output = output;
    this.#windowMs = output.isTTY === true ? 2_000 : LINE_MS;
    this.#timer = setInterval(() => this.#show(), output.isTTY === true ? DRAW_MS : LINE_MS);
    // A caller that forgets to stop it must still be able to exit.
    this.#timer.unref();
  }

  /** The current phase of the run; the line stays. */
  phase(text: string): void {
    this.#phase = text;
    this.#print(text);
  }

  /** A fault begins or ends. */
  fault(what: string, targets: readonly string[], begins: boolean): void {
    const name = `${what} on ${targets.join(', ')}`;
    const index = this.#faults.findIndex((fault) => fault.name === name);
    if (begins) {
      this.#faults.push({ what, name, startedAt: performance.now() });
      this.#print(name);
      return;
    }
    const [ended] = index === -1 ? [] : this.#faults.splice(index, 1);
    if (ended === undefined) return;
    const seconds = ((performance.now() - ended.startedAt) / 1_000).toFixed(1);
    this.#print(`${what} is over after ${seconds} s`);
  }

  /** A call ended. */
  called({ router, type, tookMs }: Pick<EndedCall, 'router' | 'type' | 'tookMs'>): void {
    this.#routers.add(router);
    if (type === 'info') this.#unknown += 1;
    this.#ended.push({ router, atMs: performance.now(), tookMs, isAnswered: type === 'ok' });
  }

  /** Stops showing; leaves a terminal at the beginning of an empty line. */
  stop(): void {
    clearInterval(this.#timer);
    if (this.#output.isTTY === true) this.#output.write(CLEARED);
  }

  /** A line that stays. */
  #print(text: string): void {
    const line = `${this.#time()}  ${text}\n`;
    this.#output.write(this.#output.isTTY === true ? `${CLEARED}${line}` : line);
    if (this.#output.isTTY === true) this.#draw();
  }

  #show(): void {
    if (this.#output.isTTY === true) this.#draw();
    else if (this.#routers.size > 0) this.#output.write(`${this.#status()}\n`);
  }

  #draw(): void {
    // A line wider than the terminal would wrap, and its first part would stay.
    const width = (this.#output.columns ?? WIDTH) - 1;
    const line = Array.from(this.#status()).slice(0, width).join('');
    this.#output.write(`${CLEARED}${line}`);
  }

  #status(): string {
    const now = performance.now();
    this.#ended = this.#ended.filter(({ atMs }) => atMs >= now - this.#windowMs);
    const seconds = Math.min(this.#windowMs, Math.max(now - this.#startedAt, 1)) / 1_000;
    const parts = [
      this.#phase,
      this.#rates(seconds),
      `p99 ${this.#p99()}`,
      `${this.#unknown} unknown`,
      this.#faults.map(({ what }) => what).join(' + '),
    ];
    return `${this.#time()}  ${parts.filter((part) => part !== '').join(' | ')}`;
  }

  /** Calls a second, in total and through each router, of which one may be silent. */
  #rates(seconds: number): string {
    const counts = new Map([...this.#routers].toSorted().map((router) => [router, 0]));
    for (const { router } of this.#ended) counts.set(router, (counts.get(router) ?? 0) + 1);
    const each = [...counts].map(([router, count]) => `${router} ${Math.round(count / seconds)}`);
    return `${Math.round(this.#ended.length / seconds)} calls/s: ${each.join(' ')}`;
  }

  /** Latency of the recent answers. */
  #p99(): string {
    const took = this.#ended
      .filter(({ isAnswered }) => isAnswered)
      .map(({ tookMs }) => tookMs)
      .toSorted((a, b) => a - b);
    const value = took[Math.min(took.length - 1, Math.floor(took.length * 0.99))];
    return value === undefined ? '-' : `${value.toFixed(0)} ms`;
  }

  #time(): string {
    return `${((performance.now() - this.#startedAt) / 1_000).toFixed(1).padStart(6)} s`;
  }
}

/** Moves to the beginning of the line and clears it. */
const CLEARED = '\r\u001B[2K';
