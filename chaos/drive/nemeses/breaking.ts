import { setTimeout as sleep } from 'node:timers/promises';
import { TrackedFaults } from '../../../regions/faults/tracked-faults.ts';
import type { Faults } from '../../../regions/faults/faults.ts';
import type { RegionName } from '../../../regions/topology/layout.ts';
import type { Harm } from '../../judge/history/record.ts';
import type { Installation } from '../installation/installation.ts';
import { frozenOf, thaw } from './frozen.ts';
import type { Scene, Strike } from './nemesis.ts';

/** A copy that must be rebuilt before it serves takes this long. */
const HEALED_MS = 100_000;
const AGAIN_MS = 500;

/** The tools of a strike. */
export interface Breaking {
  /** All faults made through it are healed at the end. */
  readonly faults: Faults;
  /** Aborted when the strike ends. */
  readonly over: AbortSignal;
  /** Waits; throws when the strike ends meanwhile. */
  readonly pause: (ms: number) => Promise<void>;
  /**
   * Runs this in the background while the strike lasts. Errors are reported, and are no failure: a
   * target may have ended on its own.
   */
  readonly goOn: (course: () => Promise<void>) => void;
  /** Like `goOn`, for what cannot be ended early: `finish` must wait for its end. */
  readonly letRun: (course: () => Promise<void>) => void;
}

export interface Blow {
  readonly targets: readonly string[];
  readonly harms: readonly Harm[];
  begin(breaking: Breaking): Promise<void> | void;
  /** Called after all faults are healed, even after an error; for example to wait for a course. */
  finish?(): Promise<void>;
}

/** A strike that heals everything that it broke, and checks that it is healed. */
export function strikeWith(scene: Scene, blow: Blow): Strike {
  const over = new AbortController();
  const broken = new Broken(scene.installation, over.signal);
  const courses: Promise<void>[] = [];
  const stop = () => over.abort();
  const report = (error: unknown) => {
    if (!over.signal.aborted) scene.report(error instanceof Error ? error.message : String(error));
  };
  const breaking: Breaking = {
    faults: broken.faults,
    over: over.signal,
    pause: (ms) => sleep(ms, undefined, { signal: over.signal }),
    goOn: (course) => void courses.push(course().catch(report)),
    letRun: (course) => void course().catch(report),
  };
  return {
    targets: blow.targets,
    harms: blow.harms,
    begin: async () => {
      scene.signal.addEventListener('abort', stop, { once: true });
      await blow.begin(breaking);
    },
    end: async () => {
      over.abort();
      scene.signal.removeEventListener('abort', stop);
      await Promise.all(courses);
      try {
        await broken.heal();
      } finally {
        await blow.finish?.();
      }
    },
  };
}

/** Records what has been broken, so that it can be healed. */
class Broken {
  readonly faults: TrackedFaults;
  readonly #installation: Installation;
  readonly #processes = new Set<string>();

  constructor(installation: Installation, over: AbortSignal) {
    this.#installation = installation;
    const { faults } = installation;
    const touch = (process: string) => void this.#processes.add(process);
    // A fault that begins late must not break anything after the heal.
    const begin = () => over.throwIfAborted();
    this.faults = new TrackedFaults({
      signal: async (process, signal) => {
        if (signal !== 'SIGCONT') begin();
        touch(process);
        const sent = faults.signal(process, signal);
        // A process that does not run cannot be thawed, and need not be: `heal` looks for frozen
        // ones.
        await (signal === 'SIGCONT' ? sent.catch(() => undefined) : sent);
      },
      stop: async (process) => {
        begin();
        touch(process);
        await faults.stop(process);
      },
      // A process that another heal has started needs no start.
      start: async (process) => {
        if (this.#isDown(process)) await faults.start(process);
      },
      loseRegion: async (region) => {
        begin();
        this.#ofRegion(region).forEach(touch);
        await faults.loseRegion(region);
      },
      restoreRegion: (region) => faults.restoreRegion(region),
      cut: async (from, to, mode) => {
        begin();
        await faults.cut(from, to, mode);
      },
      heal: (from, to) => faults.heal(from, to),
      delay: async (from, to, delayMs) => {
        if (delayMs !== undefined) begin();
        await faults.delay(from, to, delayMs);
      },
    });
  }

  /** Heals until nothing is broken. Throws Error that lists what is left when it takes too long. */
  async heal(): Promise<void> {
    const until = performance.now() + HEALED_MS;
    for (;;) {
      const failed = await this.faults.repairAll();
      const frozen = frozenOf(this.#installation, this.#processes);
      // Such as the children of a Postgres that was killed while it was frozen.
      frozen.forEach(thaw);
      const down = [...this.#processes].filter((process) => this.#isDown(process));
      const wrong = [...failed, ...down.map((process) => `${process} is stopped`)];
      if (wrong.length + frozen.length === 0) return;
      if (performance.now() > until) {
        const stiff = frozen.map((pid) => `process ${pid} is frozen`);
        throw new Error(`left broken: ${[...wrong, ...stiff].join('; ')}`);
      }
      await sleep(AGAIN_MS);
    }
  }

  #isDown(process: string): boolean {
    const { processes } = this.#installation.state();
    return processes.some(({ name, state }) => name === process && state === 'stopped');
  }

  #ofRegion(region: RegionName): string[] {
    const { processes } = this.#installation.state();
    return processes.map(({ name }) => name).filter((name) => name.startsWith(`${region}/`));
  }
}
