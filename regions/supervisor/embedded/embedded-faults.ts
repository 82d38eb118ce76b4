import type { CutMode, Link } from '../../faults/link.ts';
import { pairKey, type RegionName, regionNames } from '../../topology/layout.ts';
import type { Faults, FaultSignal } from '../../faults/faults.ts';
import { signalPostgres } from '../postgres-tree.ts';
import type { SupervisedProcess } from '../../processes/supervised-process.ts';

interface Parts {
  /** The processes that exist now; during the start their number grows. */
  readonly processes: () => readonly SupervisedProcess[];
  /** By `FROM>TO`; empty: the regions reach each other directly. */
  readonly links: ReadonlyMap<string, Link>;
  readonly postgresFolder: (region: RegionName) => string;
}

/** The faults of an installation of the embedded profile that this process supervises. */
export class EmbeddedFaults implements Faults {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  signal(name: string, signal: FaultSignal): Promise<void> {
    return new Promise((resolve) => {
      const process = this.#process(name);
      const region = regionNames.find((candidate) => name === `${candidate}/postgres`);
      if (region === undefined || signal === 'SIGKILL') process.kill(signal);
      // A server that is asked to stop signals its children; one that is frozen cannot.
      if (region !== undefined) signalPostgres(this.#parts.postgresFolder(region), signal);
      resolve();
    });
  }

  async stop(process: string): Promise<void> {
    await this.#process(process).stop('SIGKILL');
  }

  start(process: string): Promise<void> {
    return this.#process(process).start();
  }

  async loseRegion(name: RegionName): Promise<void> {
    await this.#eachLink(name, (from, to) => this.cut(from, to, 'blackhole'));
    await Promise.all(this.#ofRegion(name).map((process) => process.stop('SIGKILL')));
  }

  async restoreRegion(name: RegionName): Promise<void> {
    await this.#eachLink(name, async (from, to) => {
      // Data in flight when the region was lost is lost.
      await this.cut(from, to, 'refuse');
      await this.heal(from, to);
    });
    const down = this.#ofRegion(name).filter(({ state }) => state === 'stopped');
    await Promise.all(down.map((process) => process.start()));
  }

  cut(from: RegionName, to: RegionName, mode: CutMode): Promise<void> {
    return this.#onLink(from, to, (link) => link.cut(mode));
  }

  heal(from: RegionName, to: RegionName): Promise<void> {
    return this.#onLink(from, to, (link) => link.heal());
  }

  delay(from: RegionName, to: RegionName, delayMs: number | undefined): Promise<void> {
    return this.#onLink(from, to, (link) => link.setDelay(delayMs ?? 0));
  }

  #onLink(from: RegionName, to: RegionName, work: (link: Link) => void): Promise<void> {
    return new Promise((resolve) => {
      const link = this.#parts.links.get(pairKey(from, to));
      if (link === undefined) throw new Error(`there is no link from ${from} to ${to}`);
      work(link);
      resolve();
    });
  }

  /** Does nothing where regions reach each other directly: a dead region is unreachable anyway. */
  async #eachLink(
    name: RegionName,
    work: (from: RegionName, to: RegionName) => Promise<void>,
  ): Promise<void> {
    if (this.#parts.links.size === 0) return;
    const others = regionNames.filter((other) => other !== name);
    await Promise.all(others.flatMap((other) => [work(name, other), work(other, name)]));
  }

  #ofRegion(region: RegionName): SupervisedProcess[] {
    return this.#parts.processes().filter(({ name }) => name.startsWith(`${region}/`));
  }

  #process(name: string): SupervisedProcess {
    const processes = this.#parts.processes();
    const found = processes.find((process) => process.name === name);
    if (found !== undefined) return found;
    const names = processes.map((process) => process.name).join(', ');
    throw new Error(`there is no process ${name}; there are ${names}`);
  }
}
