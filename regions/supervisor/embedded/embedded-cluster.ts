import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { migrate as migrateBook } from '../../../ledger/store/postgres/migrate.ts';
import { faultHandlers } from '../../faults/control.ts';
import { EmbeddedFaults, linkKey } from './embedded-faults.ts';
import { defaultProcessSettings, type ProcessSettings } from '../../config/process-settings.ts';
import { moduleFile } from '../../processes/code.ts';
import { childEnvironment } from '../../processes/environment.ts';
import type { Faults } from '../../faults/faults.ts';
import {
  describeLayout,
  type Layout,
  type RegionLayout,
  type RegionName,
} from '../../topology/layout.ts';
import { controlSocket, serveControl } from '../../processes/control-socket.ts';
import { recordTopology, reserveFolders } from '../../topology/topology-record.ts';
import { carryOut, type ChangeStep, planChange, type TopologyChange } from './topology-change.ts';
import { topologyHandlers } from './topology-control.ts';
import type { Topology } from '../../topology/topology.ts';
import { type Link, openLink } from '../../faults/link.ts';
import { requireFreePorts } from '../../processes/ports.ts';
import { signalPostgres } from '../postgres-tree.ts';
import { findPostgres, requireEntry } from '../../../ledger/postgres/postgres-binaries.ts';
import { type InstallationPki, openPki, withoutPki } from '../../pki/installation-pki.ts';
import { hasRedis } from '../redis.ts';
import { type Programs, RegionProcesses } from './region-processes.ts';
import {
  type BookEndpoints,
  claimDataDir,
  clearState,
  type ClusterState,
  ownIdentity,
  type RegionState,
  writeState,
} from '../../topology/state.ts';
import type { ProcessState, SupervisedProcess } from '../../processes/supervised-process.ts';

/** An installation of the embedded profile: start it, break it, stop it. */

export type ClusterEvent =
  | {
      readonly kind: 'process';
      readonly region: RegionName;
      /** REGION/ROLE */
      readonly name: string;
      readonly state: ProcessState;
      readonly pid: number | undefined;
      /** Why it ended last, when it did. */
      readonly reason: string;
    }
  | { readonly kind: 'migrated' | 'ready'; readonly region: RegionName }
  /** A sentence for the user. */
  | { readonly kind: 'notice'; readonly text: string };

export interface ClusterOptions {
  readonly dataDir: string;
  /** Default: three regions with a book each. */
  readonly topology?: Topology | undefined;
  /** The first of the ports, default 7400; see layout.ts. */
  readonly basePort?: number | undefined;
  /** Default: what follows from this machine. */
  readonly settings?: ProcessSettings | undefined;
  /** Put a proxy of ours on the way from each region to the books of the others. */
  readonly links?: boolean | undefined;
  /** Start without TLS: nothing is encrypted or authenticated. */
  readonly insecure?: boolean | undefined;
  /** Start without Redis even if it is installed. */
  readonly withoutRedis?: boolean | undefined;
  readonly onEvent?: ((event: ClusterEvent) => void) | undefined;
  /** Aborting it during the start ends the start in order; afterwards it has no effect. */
  readonly signal?: AbortSignal | undefined;
  /** Other programs in place of ours; for tests of this library. */
  readonly programs?: Programs | undefined;
}

export interface ClusterProcesses {
  /** All names, for example eu-west/postgres. */
  names(): string[];
  state(name: string): ProcessState;
  pid(name: string): number | undefined;
  /** How often it was started under this handle. */
  starts(name: string): number;
  /** Sends a signal, as a fault would; what dies of it is started again on the same port. */
  kill(name: string, signal: NodeJS.Signals): void;
  /** Stops and starts it in order. */
  restart(name: string): Promise<void>;
  /** Stops it until `restart`. */
  stop(name: string): Promise<void>;
  /** Resolves when it is ready; throws after `timeoutMs`. */
  waitReady(name: string, timeoutMs: number): Promise<void>;
}

export interface ApplyOptions {
  /** Only find out what would change. */
  readonly dryRun?: boolean | undefined;
  readonly report?: ((step: ChangeStep) => void) | undefined;
}

export interface Cluster {
  readonly dataDir: string;
  readonly layout: Layout;
  readonly regions: readonly RegionState[];
  /** By number. */
  readonly books: readonly BookEndpoints[];
  readonly processes: ClusterProcesses;
  /** By `REGION>BOOK`, for example eu-west>us-east-1; empty unless asked for. */
  readonly links: ReadonlyMap<string, Link>;
  readonly faults: Faults;
  /** The present content of cluster.json. */
  state(): ClusterState;
  /**
   * Adds the books and regions that the topology has in addition, without a stop of the others;
   * see topology-change.ts.
   */
  applyTopology(topology: Topology, options?: ApplyOptions): Promise<TopologyChange>;
  /** Stops everything in order. Data stays. Safe to call again. */
  stop(): Promise<void>;
}

export const ownPrograms: Programs = {
  ledger: moduleFile('regions/server/ledger.ts'),
  router: moduleFile('regions/server/router.ts'),
  migrate: migrateBook,
};

/** Starts the process that stops our children if we are killed. */
export function startGuard(runFolder: string): ChildProcess {
  const script = moduleFile('regions/processes/guard.ts');
  const flags = ['--disable-warning=ExperimentalWarning', script];
  const guard = spawn(process.execPath, [...flags, runFolder, String(process.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: childEnvironment(),
    cwd: '/',
    detached: true,
  });
  // The start continues without it: the next start stops leftovers as well.
  guard.on('error', () => {});
  guard.stdin?.on('error', () => {});
  return guard;
}

/** Everything that runs, so that one place can stop it in any state of the start. */
class RunningCluster {
  readonly links = new Map<string, Link>();
  readonly options: ClusterOptions;
  layout: Layout;
  regions: RegionProcesses[] = [];
  #guard: ChildProcess | undefined;
  #pki: InstallationPki | undefined;
  #control: Server | undefined;
  #root = '';
  #status: ClusterState['status'] = 'starting';
  #stopped: Promise<void> | undefined;
  #aborted = false;
  #changing: Promise<unknown> | undefined;
  #newRegion: ((layout: RegionLayout) => RegionProcesses) | undefined;
  readonly #startedAt = new Date().toISOString();

  constructor(options: ClusterOptions) {
    this.options = options;
    this.layout = describeLayout(options);
  }

  get root(): string {
    return this.#root;
  }

  #postgresFolder(region: RegionName): string {
    return join(this.#root, region, 'postgres');
  }

  /** The faults that can be injected. */
  get faults(): Faults {
    return new EmbeddedFaults({
      processes: () => this.processes,
      layout: () => this.layout,
      links: this.links,
      postgresFolder: (region) => this.#postgresFolder(region),
    });
  }

  get processes(): SupervisedProcess[] {
    return this.regions.flatMap((region) => region.processes);
  }

  get regionStates(): RegionState[] {
    return this.regions.flatMap(({ state }) => state ?? []);
  }

  /** By number. */
  get books(): BookEndpoints[] {
    return this.regions
      .flatMap(({ books }) => books)
      .toSorted((one, other) => one.number - other.number);
  }

  emit(event: ClusterEvent): void {
    this.options.onEvent?.(event);
  }

  readonly #notice = (text: string): void => this.emit({ kind: 'notice', text });

  async start(): Promise<void> {
    const { layout, options } = this;
    const claim = await claimDataDir(
      options.dataDir,
      layout.topology,
      () => requireFreePorts(layout.ports),
      (root) => this.#describe(root),
    );
    this.#root = claim.root;
    if (claim.leftovers.length > 0) {
      const text = `stopped what a killed run had left: ${claim.leftovers.join(', ')}`;
      this.emit({ kind: 'notice', text });
    }
    this.requireGoing();
    const pki = options.insecure === true ? withoutPki : openPki(claim.root, this.#notice);
    this.#pki = pki;
    this.#guard = startGuard(claim.run);
    await this.openLinks(layout);
    const withRedis = options.withoutRedis !== true && hasRedis();
    if (!withRedis && options.withoutRedis !== true) {
      const lost = 'known keys are looked up in the journal only: slower retries, same answers';
      this.emit({ kind: 'notice', text: `no redis-server is installed; ${lost}` });
    }
    const directories = layout.regions.map(({ name }) => this.#postgresFolder(name));
    const postgres = await findPostgres(directories);
    requireEntry(postgres.runAs, claim.root);
    this.requireGoing();
    const settings = options.settings ?? defaultProcessSettings(layout.topology, 'embedded');
    this.#newRegion = (region) =>
      new RegionProcesses({
        layout: region,
        paths: claim,
        postgres,
        withRedis,
        settings,
        programs: options.programs ?? ownPrograms,
        pki,
        onState: (state, changed) => this.#onState(region.name, state, changed),
        onStep: (kind) => this.emit({ kind, region: region.name }),
      });
    this.regions = layout.regions.map(this.#newRegion);
    this.#control = await serveControl(this.#socket, {
      ...faultHandlers(this.faults),
      ...topologyHandlers(this),
    });
    await this.#startRegions();
    this.#status = 'ready';
    this.#save();
  }

  /** All at once; when one fails the others are stopped rather than waited for. */
  async #startRegions(): Promise<void> {
    let failure: Error | undefined;
    await Promise.all(
      this.regions.map((region) =>
        region
          .start(() => recordTopology(this.root, this.layout.topology))
          .catch(async (error: unknown) => {
            failure ??= error instanceof Error ? error : new Error(String(error));
            await Promise.all(this.regions.map((other) => other.stop()));
          }),
      ),
    );
    if (failure !== undefined) throw failure;
  }

  /** See topology-change.ts. */
  async applyTopology(topology: Topology, options: ApplyOptions = {}): Promise<TopologyChange> {
    if (this.#status !== 'ready') throw new Error('Meridian is not running yet; try again soon');
    const { layout, change } = planChange(this, topology);
    if (options.dryRun === true) return change;
    if (this.#changing !== undefined) throw new Error('another change is being applied');
    this.#changing = carryOut(this, layout, options.report ?? (() => {}));
    try {
      await this.#changing;
      return change;
    } finally {
      this.#changing = undefined;
    }
  }

  addRegion(layout: RegionLayout): RegionProcesses {
    if (this.#newRegion === undefined) throw new Error('nothing was started');
    const region = this.#newRegion(layout);
    reserveFolders(this.root, [layout.name]);
    this.regions.push(region);
    return region;
  }

  removeRegion(region: RegionProcesses): void {
    this.regions = this.regions.filter((one) => one !== region);
  }

  /** Opens the links of the layout that are not open. */
  async openLinks(layout: Layout): Promise<void> {
    for (const { from, book, port, targetPort } of layout.links) {
      const key = linkKey(from, book);
      if (this.links.has(key)) continue;
      this.links.set(key, await openLink({ port, targetPort }));
    }
  }

  async closeLinks(layout: Layout): Promise<void> {
    const kept = new Set(layout.links.map(({ from, book }) => linkKey(from, book)));
    for (const [key, link] of this.links) {
      if (kept.has(key)) continue;
      this.links.delete(key);
      await link.close();
    }
  }

  adopt(layout: Layout): void {
    recordTopology(this.root, layout.topology);
    this.layout = layout;
    this.#save();
  }

  /** Ends a start that is under way: it throws, and its caller stops the rest. */
  readonly abort = (): void => {
    this.#aborted = true;
    for (const region of this.regions) void region.stop();
  };

  /** Throws when the cluster is being stopped: nothing may be started any more. */
  requireGoing(): void {
    if (this.#aborted || this.#stopped !== undefined) throw new Error('Meridian was stopped');
  }

  /** Stops everything in order and frees the data folder. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#status = 'stopping';
    this.#control?.close();
    this.#pki?.stop();
    // A frozen process does not stop in order.
    for (const { name } of this.layout.regions)
      signalPostgres(this.#postgresFolder(name), 'SIGCONT');
    await Promise.all(this.regions.map((region) => region.stop()));
    await this.#changing?.catch(() => undefined);
    await Promise.all([...this.links.values()].map((link) => link.close()));
    const guard = this.#guard;
    if (guard?.pid !== undefined && guard.exitCode === null && guard.signalCode === null) {
      const ended = once(guard, 'exit');
      guard.stdin?.end();
      await ended;
    }
    if (this.#root !== '') clearState(this.#root);
  }

  #onState(region: RegionName, state: ProcessState, changed: SupervisedProcess): void {
    try {
      this.#save();
    } catch (error) {
      // A full disk must not take the supervision down with it; the file is information.
      this.emit({ kind: 'notice', text: `cluster.json could not be written: ${String(error)}` });
    }
    const { name, pid, lastReason: reason } = changed;
    this.emit({ kind: 'process', region, name, state, pid, reason });
  }

  #save(): void {
    writeState(this.#root, this.describe());
  }

  describe(): ClusterState {
    return this.#describe(this.#root);
  }

  get #socket(): string {
    return controlSocket(join(this.#root, 'run'));
  }

  #describe(root: string): ClusterState {
    return {
      pid: process.pid,
      identity: ownIdentity(),
      status: this.#status,
      startedAt: this.#startedAt,
      dataDir: root,
      tls: this.options.insecure !== true,
      basePort: this.layout.basePort,
      regions: this.regionStates,
      books: this.books,
      processes: this.processes.map(({ name, state, pid, starts, spec }) => ({
        name,
        state,
        ...(pid === undefined ? {} : { pid }),
        starts,
        logFile: spec.logFile,
      })),
      links: this.layout.links.map(({ from, to, port }) => ({ from, to, port })),
      controlSocket: this.#socket,
    };
  }
}

/** What tests and faults do with the processes of a running cluster. */
export function describeProcesses(running: {
  readonly processes: readonly SupervisedProcess[];
  /** Throws when nothing may be started any more. */
  requireGoing(): void;
}): ClusterProcesses {
  const find = (name: string): SupervisedProcess => {
    const found = running.processes.find((candidate) => candidate.name === name);
    if (found !== undefined) return found;
    const names = running.processes.map((candidate) => candidate.name).join(', ');
    throw new Error(`there is no process ${name}; there are ${names}`);
  };
  return {
    names: () => running.processes.map(({ name }) => name),
    state: (name) => find(name).state,
    pid: (name) => find(name).pid,
    starts: (name) => find(name).starts,
    kill: (name, signal) => find(name).kill(signal),
    restart: async (name) => {
      const found = find(name);
      await found.stop();
      running.requireGoing();
      await found.start();
    },
    stop: (name) => find(name).stop(),
    waitReady: (name, timeoutMs) => find(name).waitReady(timeoutMs),
  };
}

/**
 * Starts the regions and resolves when all of them serve. Data of an earlier run in the
 * folder is found again, however that run ended.
 * Throws an Error that states what to do: the folder is in use, or is not ours; a port is taken; a
 * process does not come up. Everything that was started is stopped before it throws.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const running = new RunningCluster(options);
  options.signal?.addEventListener('abort', running.abort, { once: true });
  try {
    options.signal?.throwIfAborted();
    await running.start();
  } catch (error) {
    await running.stop();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', running.abort);
  }
  return {
    dataDir: running.root,
    get layout() {
      return running.layout;
    },
    get regions() {
      return running.regionStates;
    },
    get books() {
      return running.books;
    },
    processes: describeProcesses(running),
    links: running.links,
    faults: running.faults,
    state: () => running.describe(),
    applyTopology: (topology, how) => running.applyTopology(topology, how),
    stop: () => running.stop(),
  };
}
