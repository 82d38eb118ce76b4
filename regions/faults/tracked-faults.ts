import type { CutMode } from './link.ts';
import type { RegionName } from '../topology/layout.ts';
import type { Faults, FaultSignal } from './faults.ts';

type Pair = readonly [from: RegionName, to: RegionName];

/** Faults that remember what they broke, so that all of it can always be repaired. */
export class TrackedFaults implements Faults {
  readonly #faults: Faults;
  readonly #frozen = new Set<string>();
  readonly #stopped = new Set<string>();
  readonly #lost = new Set<RegionName>();
  readonly #cut = new Map<string, Pair>();
  readonly #slow = new Map<string, Pair>();

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  async signal(process: string, signal: FaultSignal): Promise<void> {
    // Noted first: a fault that was half injected must be repaired as well.
    if (signal === 'SIGSTOP') this.#frozen.add(process);
    await this.#faults.signal(process, signal);
    if (signal === 'SIGCONT') this.#frozen.delete(process);
  }

  async stop(process: string): Promise<void> {
    this.#stopped.add(process);
    await this.#faults.stop(process);
  }

  async start(process: string): Promise<void> {
    await this.#faults.start(process);
    this.#stopped.delete(process);
  }

  async loseRegion(region: RegionName): Promise<void> {
    this.#lost.add(region);
    await this.#faults.loseRegion(region);
  }

  async restoreRegion(region: RegionName): Promise<void> {
    await this.#faults.restoreRegion(region);
    this.#lost.delete(region);
  }

  async cut(from: RegionName, to: RegionName, mode: CutMode): Promise<void> {
    this.#cut.set(`${from} ${to}`, [from, to]);
    await this.#faults.cut(from, to, mode);
  }

  async heal(from: RegionName, to: RegionName): Promise<void> {
    await this.#faults.heal(from, to);
    this.#cut.delete(`${from} ${to}`);
  }

  async delay(from: RegionName, to: RegionName, delayMs: number | undefined): Promise<void> {
    this.#slow.set(`${from} ${to}`, [from, to]);
    await this.#faults.delay(from, to, delayMs);
    if (delayMs === undefined) this.#slow.delete(`${from} ${to}`);
  }

  /** Repairs all that is still broken. Returns what could not be repaired, in words. */
  async repairAll(): Promise<string[]> {
    const failed: string[] = [];
    const repair = async (what: string, work: () => Promise<void>) => {
      try {
        await work();
      } catch (error) {
        failed.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      }
    };
    for (const [from, to] of this.#cut.values()) {
      await repair(`the link ${from} to ${to}`, () => this.heal(from, to));
    }
    for (const [from, to] of this.#slow.values()) {
      await repair(`the delay of ${from} to ${to}`, () => this.delay(from, to, undefined));
    }
    for (const process of this.#frozen) {
      await repair(process, () => this.signal(process, 'SIGCONT'));
    }
    await Promise.all([
      ...[...this.#lost].map((region) => repair(region, () => this.restoreRegion(region))),
      ...[...this.#stopped].map((process) => repair(process, () => this.start(process))),
    ]);
    return failed;
  }
}
