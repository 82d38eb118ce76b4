import type { CutMode } from '../../faults/link.ts';
import type { RegionName } from '../../topology/layout.ts';
import type { SupervisedProcess } from '../../processes/supervised-process.ts';
import type { Faults, FaultSignal } from '../../faults/faults.ts';
import type { Links } from '../../faults/links.ts';
import type { Region } from './region.ts';

/** The faults of an installation that this process supervises. */
export class InjectedFaults implements Faults {
  readonly #regions: readonly Region[];
  readonly #links: Links;

  constructor(regions: readonly Region[], links: Links) {
    this.#regions = regions;
    this.#links = links;
  }

  signal(process: string, signal: FaultSignal): Promise<void> {
    return new Promise((resolve) => {
      const postgres = this.#postgres(process);
      if (postgres === undefined) this.#process(process).kill(signal);
      else if (!postgres.region.signalPostgres(postgres.book, signal)) {
        throw new Error(`${process} does not run`);
      }
      resolve();
    });
  }

  async stop(process: string): Promise<void> {
    if (this.#postgres(process) !== undefined) {
      throw new Error('Patroni starts Postgres again at once: stop its patroni process instead');
    }
    await this.#process(process).stop('SIGKILL');
  }

  start(process: string): Promise<void> {
    return this.#process(process).start();
  }

  async loseRegion(name: RegionName): Promise<void> {
    const region = this.#region(name);
    // The links first: a process that dies later than the rest must not reach other regions.
    await this.#eachLink(name, (from, to) => this.#links.cut(from, to, 'blackhole'));
    const stopped = region.processes.map((process) => process.stop('SIGKILL'));
    for (const book of region.patronis.keys()) region.signalPostgres(book, 'SIGKILL');
    await Promise.all(stopped);
    // One that Patroni was starting at that very moment.
    for (const book of region.patronis.keys()) region.signalPostgres(book, 'SIGKILL');
  }

  async restoreRegion(name: RegionName): Promise<void> {
    const region = this.#region(name);
    await this.#eachLink(name, async (from, to) => {
      // Data in flight when the region was lost is lost.
      await this.#links.cut(from, to, 'refuse');
      await this.#links.heal(from, to);
    });
    const down = region.processes.filter(({ state }) => state === 'stopped');
    // Of all that starts at once on a busy machine, the last is not ready in time.
    const isBase = (process: SupervisedProcess) =>
      process === region.etcd || process === region.redis;
    const base = await startAll(down.filter((process) => isBase(process)));
    const rest = await startAll(down.filter((process) => !isBase(process)));
    const failed = [...base, ...rest].find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  cut(from: RegionName, to: RegionName, mode: CutMode): Promise<void> {
    return this.#links.cut(from, to, mode);
  }

  heal(from: RegionName, to: RegionName): Promise<void> {
    return this.#links.heal(from, to);
  }

  delay(from: RegionName, to: RegionName, delayMs: number | undefined): Promise<void> {
    return this.#links.delay(from, to, delayMs);
  }

  async #eachLink(
    name: RegionName,
    work: (from: RegionName, to: RegionName) => Promise<void>,
  ): Promise<void> {
    const others = this.#regions.filter((region) => region.name !== name);
    await Promise.all(others.flatMap((other) => [work(name, other.name), work(other.name, name)]));
  }

  #region(name: RegionName): Region {
    const found = this.#regions.find((region) => region.name === name);
    if (found === undefined) throw new Error(`there is no region ${name}`);
    return found;
  }

  #process(name: string): SupervisedProcess {
    const all = this.#regions.flatMap((region) => region.processes);
    const found = all.find((process) => process.name === name);
    if (found !== undefined) return found;
    throw new Error(`there is no process ${name}; there are ${all.map((p) => p.name).join(', ')}`);
  }

  /** The region and the book of a name such as eu-west/postgres-us-east-1. */
  #postgres(name: string): { region: Region; book: number } | undefined {
    const [, regionName, bookName] = /^([^/]+)\/postgres-(.+)$/u.exec(name) ?? [];
    const region = this.#regions.find((candidate) => candidate.name === regionName);
    const member = region?.members.find((candidate) => candidate.bookName === bookName);
    return region && member && { region, book: member.book };
  }
}

const startAll = (processes: readonly SupervisedProcess[]) =>
  Promise.allSettled(processes.map((process) => process.start()));
