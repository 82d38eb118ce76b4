import { setTimeout as sleep } from 'node:timers/promises';
import pTimeout from 'p-timeout';
import type { HistoryRecorder } from '../judge/history/recorder.ts';
import type { Nemesis, Scene, Strike } from '../drive/nemeses/nemesis.ts';
import type { RunPlan } from './plan.ts';
import type { RunView } from './view.ts';

/** Longer than any nemesis needs to break or to repair its target: a region takes its time. */
const STEP_MS = 300_000;

export interface StrikesOptions {
  readonly plan: RunPlan;
  readonly scene: Scene;
  readonly recorder: HistoryRecorder;
  readonly view: RunView;
  /** Waits until all is well, also when the run ends early. Returns the problems left, as texts. */
  readonly recover: () => Promise<string[]>;
}

/** Lets the nemeses of a plan strike, one after the other and sometimes two at once. */
export class Strikes {
  /** Strikes that could not be carried out, and why. */
  readonly failed: { readonly what: string; readonly why: string }[] = [];
  /** Nemeses that have struck. */
  readonly struck = new Set<Nemesis>();
  readonly #options: StrikesOptions;
  #next = 0;

  constructor(options: StrikesOptions) {
    this.#options = options;
  }

  /**
   * Strikes until the time is up, each time from a good state; everything is repaired then. Returns
   * the problems that remain, as texts; none: all is well.
   * Throws Error when something cannot be repaired.
   */
  async run(forMs: number): Promise<string[]> {
    const { plan, scene, recover, view } = this.#options;
    const endAt = performance.now() + forMs;
    while (performance.now() < endAt && !scene.signal.aborted) {
      await this.#round(endAt);
      view.phase('waiting until all is well again');
      const problems = await recover();
      if (problems.length > 0) return problems;
      view.phase('quiet');
      await this.#pause(scene.random.between(0.5, 1.5) * plan.quietMs);
    }
    return [];
  }

  async #round(endAt: number): Promise<void> {
    const { plan, scene } = this.#options;
    const first = this.#draw();
    if (first === undefined) return this.#pause(endAt - performance.now());
    const nemeses = [first];
    const second = scene.random.chance(plan.pairShare) && !first.alone ? this.#draw() : undefined;
    if (second !== undefined && second !== first && !second.alone) nemeses.push(second);
    // The second one strikes while the first is active.
    this.#options.view.phase('faults');
    const struck = await Promise.allSettled(
      nemeses.map(async (nemesis, index) => {
        await this.#pause(index * scene.random.between(0, 3_000));
        await this.#strike(nemesis);
      }),
    );
    for (const result of struck) if (result.status === 'rejected') throw result.reason;
  }

  #draw(): Nemesis | undefined {
    const { nemeses } = this.#options.plan;
    const nemesis = nemeses[this.#next % nemeses.length];
    this.#next += 1;
    return nemesis;
  }

  async #strike(nemesis: Nemesis): Promise<void> {
    const { scene, recorder, view } = this.#options;
    const what = `${nemesis.place} ${nemesis.name}`;
    let strike: Strike;
    try {
      strike = await inTime(nemesis.aim(scene), 'it finds no target');
    } catch (error) {
      this.#failed(what, error);
      return;
    }
    const [least, most] = nemesis.lastsMs;
    const lastsMs = scene.random.between(least, most);
    const ended = recorder.fault(what, strike.targets, strike.harms);
    view.fault(what, strike.targets, true);
    try {
      await inTime(strike.begin(), 'it does not begin');
      this.struck.add(nemesis);
      await this.#pause(lastsMs);
    } catch (error) {
      // Another fault may have taken its target away. What it has broken is repaired all the same.
      this.#failed(what, error);
    } finally {
      await inTime(strike.end(), `${what} does not end`);
      ended();
      view.fault(what, strike.targets, false);
    }
  }

  #failed(what: string, error: unknown): void {
    // A strike that is interrupted has not failed.
    if (this.#options.scene.signal.aborted) return;
    const why = error instanceof Error ? error.message : String(error);
    this.failed.push({ what, why });
    this.#options.scene.report(`${what} could not strike: ${why}`);
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#options.scene;
    await sleep(Math.max(0, ms), undefined, { signal }).catch(() => {});
  }
}

function inTime<T>(work: Promise<T>, words: string): Promise<T> {
  return pTimeout(work, { milliseconds: STEP_MS, message: `${words} in ${STEP_MS / 1_000} s` });
}
