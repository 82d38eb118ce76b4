import type { CutMode, Link } from '../../faults/link.ts';
import type { Layout, RegionName } from '../../topology/layout.ts';
import type { Faults, FaultSignal } from '../../faults/faults.ts';
import { signalPostgres } from '../postgres-tree.ts';
import type { SupervisedProcess } from '../../processes/supervised-process.ts';

interface Parts {
  /** The processes that exist now; during the start their number grows. */
  readonly processes: () => readonly SupervisedProcess[];
  /** It grows when a book is added. */
  readonly layout: () => Layout;
  /** By `linkKey`; empty: the regions reach each other directly. */
  readonly links: ReadonlyMap<string, Link>;
  readonly postgresFolder: (region: RegionName) => string;
}

/** The key of the link by which a region reaches a book of another region. */
export function linkKey(from: RegionName, book: string): string {
  return `${from}>${book}`;
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
      const region = this.#regions.find((candidate) => name === `${candidate}/postgres`);
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

  /** Does `work` with every link from one region to another: one for each book there. */
  #onLink(from: RegionName, to: RegionName, work: (link: Link) => void): Promise<void> {
    return new Promise((resolve) => {
      const { links, layout } = this.#parts;
      const between = layout().links.filter((link) => link.from === from && link.to === to);
      if (between.length === 0) throw new Error(`there is no link from ${from} to ${to}`);
      for (const { book } of between) {
        const link = links.get(linkKey(from, book));
        if (link !== undefined) work(link);
      }
      resolve();
    });
  }

  get #regions(): readonly RegionName[] {
    return this.#parts.layout().topology.regions;
  }

  /** Does nothing where regions reach each other directly: a dead region is unreachable anyway. */
  async #eachLink(
    name: RegionName,
    work: (from: RegionName, to: RegionName) => Promise<void>,
  ): Promise<void> {
    if (this.#parts.links.size === 0) return;
    const others = this.#regions.filter((other) => other !== name);
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
