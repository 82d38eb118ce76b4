import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import { migrate } from '../../../ledger/store/postgres/migrate.ts';
import { isReadOnly } from '../../../ledger/store/postgres/sqlstate.ts';
import { ensureDatabase } from '../../../ledger/postgres/book-database.ts';
import {
  type ClusterEvent,
  describeProcesses,
  ownPrograms,
  startGuard,
} from '../embedded/embedded-cluster.ts';
import type { ClusterProcesses } from '../embedded/embedded-cluster.ts';
import { defaultProcessSettings, type ProcessSettings } from '../../config/process-settings.ts';
import { type DataPaths, regionSecrets } from '../../topology/data-dir.ts';
import { defaultBasePort } from '../../topology/layout.ts';
import { defaultTopology, type RegionName, type Topology } from '../../topology/topology.ts';
import { requireFreePorts } from '../../processes/ports.ts';
import { postgresUser, requireEntry } from '../../../ledger/postgres/postgres-binaries.ts';
import type { Programs } from '../embedded/region-processes.ts';
import {
  claimDataDir,
  clearState,
  type ClusterState,
  type MemberState,
  ownIdentity,
  writeState,
} from '../../topology/state.ts';
import type { ProcessState, SupervisedProcess } from '../../processes/supervised-process.ts';
import { faultHandlers } from '../../faults/control.ts';
import { controlSocket, serveControl } from '../../processes/control-socket.ts';
import type { Faults } from '../../faults/faults.ts';
import { InjectedFaults } from './injected-faults.ts';
import { describeReplicated, type ReplicatedLayout } from '../../topology/replicated-layout.ts';
import { Links } from '../../faults/links.ts';
import { findPrograms } from './packages.ts';
import { findPrimary } from '../../topology/primary.ts';
import { recordTopology, requireSameCopies } from '../../topology/topology-record.ts';
import { signalPostgres } from '../postgres-tree.ts';
import { type InstallationPki, openPki, withoutPki } from '../../pki/installation-pki.ts';
import { copyFolder, requireOwnData } from './held-data.ts';
import { leads, Region } from './region.ts';
import { readSecrets } from './secrets.ts';

/** The regions on this machine, every book replicated to three of them: start, break, stop. */

export interface ReplicatedOptions {
  readonly dataDir: string;
  /** Three to seven regions, with the delays between them; default `defaultTopology`. */
  readonly topology?: Topology | undefined;
  /** The first port, the same on the address of each region, of ten and ten a book; default 7400. */
  readonly basePort?: number | undefined;
  /** Default: what follows from this machine. */
  readonly settings?: ProcessSettings | undefined;
  readonly onEvent?: ((event: ClusterEvent) => void) | undefined;
  /** Aborting it during the start ends the start in order; afterwards it has no effect. */
  readonly signal?: AbortSignal | undefined;
  /** Start without TLS: nothing is encrypted or authenticated. */
  readonly insecure?: boolean | undefined;
  /** Other servers in place of ours; for tests and chaos. */
  readonly programs?: Pick<Programs, 'ledger' | 'router'> | undefined;
}

export interface ReplicatedCluster {
  readonly dataDir: string;
  readonly layout: ReplicatedLayout;
  readonly processes: ClusterProcesses;
  readonly faults: Faults;
  /** The present content of cluster.json. */
  state(): ClusterState;
  /** Stops everything in order, even if frozen or cut off. Data stays. Safe to call again. */
  stop(): Promise<void>;
}

/** A book has its leader soon after its Postgres has one. */
const LEADING_MS = 60_000;
/** A server takes a second of a core to start, and has a minute to be ready. */
const STARTING_PER_CORE = 4;
/** Patroni elects in seconds; copies that have to be made again come first. */
const PRIMARY_MS = 180_000;

class RunningReplicated {
  readonly layout: ReplicatedLayout;
  regions: Region[] = [];
  faults: Faults | undefined;
  readonly #options: ReplicatedOptions;
  readonly #topology: Topology;
  #paths: DataPaths | undefined;
  #guard: ChildProcess | undefined;
  #links: Links | undefined;
  #control: Server | undefined;
  #pki: InstallationPki | undefined;
  #status: ClusterState['status'] = 'starting';
  #stopped: Promise<void> | undefined;
  #aborted = false;
  readonly #startedAt = new Date().toISOString();

  constructor(options: ReplicatedOptions) {
    this.#options = options;
    this.#topology = options.topology ?? defaultTopology;
    this.layout = describeReplicated(this.#topology, options.basePort ?? defaultBasePort);
  }

  get root(): string {
    return this.#paths?.root ?? '';
  }

  get processes(): SupervisedProcess[] {
    return this.regions.flatMap((region) => region.processes);
  }

  async start(): Promise<void> {
    const packages = findPrograms();
    const { layout } = this;
    const claim = await claimDataDir(
      this.#options.dataDir,
      this.#topology,
      () => Promise.resolve(),
      (root) => this.#describe(root),
    );
    this.#paths = claim;
    requireOwnData(claim.root, layout);
    requireSameCopies(claim.root, this.#topology);
    await stopOrphans(claim.root, layout);
    await requireFreePorts(layout.ports);
    this.requireGoing();
    this.#guard = startGuard(claim.run);
    const runAs = postgresUser([]);
    requireEntry(runAs, claim.root);
    const links = await Links.open(layout.links);
    this.#links = links;
    const notice = (text: string) => this.#emit({ kind: 'notice', text });
    const pki = this.#options.insecure === true ? withoutPki : openPki(claim.root, notice);
    this.#pki = pki;
    this.regions = layout.regions.map(
      (region) =>
        new Region({
          layout,
          region,
          paths: claim,
          packages,
          settings: this.#options.settings ?? defaultProcessSettings(this.#topology, 'replicated'),
          programs: this.#options.programs ?? ownPrograms,
          runAs,
          pki,
          onState: (state, process) => this.#onState(region.name, state, process),
        }),
    );
    this.faults = new InjectedFaults(this.regions, links);
    this.#control = await serveControl(this.#socket, faultHandlers(this.faults));
    for (const region of this.regions) await region.secure();
    await this.#startInOrder();
    this.#status = 'ready';
    this.#save();
  }

  /** From the bottom up: who leads, then the books, then those who serve them. */
  async #startInOrder(): Promise<void> {
    await this.#startAll(this.regions.flatMap(({ etcd }) => etcd ?? []));
    await this.#startAll(this.regions.flatMap(({ redis }) => redis ?? []));
    // A book's own region first, so that a new book begins at home.
    const patronis = (home: boolean) =>
      this.regions.flatMap((region) =>
        region.members.flatMap((member) =>
          (member.home === region.name) === home ? (region.patronis.get(member.book) ?? []) : [],
        ),
      );
    // A home member that is behind waits for the others to elect a leader; this start does not.
    const homes = this.#startAll(patronis(true));
    await Promise.race([homes, this.#booksHavePrimaries()]);
    await Promise.all([homes, this.#startAll(patronis(false))]);
    await this.#prepareBooks();
    recordTopology(this.root, this.#topology);
    const servers = this.regions.flatMap(({ ledgers, router }) => [...ledgers.values(), router]);
    await this.#startAll(servers, availableParallelism() * STARTING_PER_CORE);
    await this.#booksAreLed();
    for (const { name } of this.regions) this.#emit({ kind: 'ready', region: name });
  }

  /** Starts all of them, `atOnce` at a time. */
  async #startAll(processes: readonly SupervisedProcess[], atOnce = processes.length) {
    this.requireGoing();
    const start = (process: SupervisedProcess) => {
      this.requireGoing();
      return process.start();
    };
    await pMap(processes, start, { concurrency: Math.max(1, atOnce) });
    this.requireGoing();
  }

  #members(book: number): MemberState[] {
    return this.regions.flatMap(({ members }) => members.filter((m) => m.book === book));
  }

  async #booksHavePrimaries(): Promise<void> {
    await Promise.all(this.layout.books.map(({ number }) => this.#primary(number)));
  }

  async #primary(book: number): Promise<MemberState> {
    const until = performance.now() + PRIMARY_MS;
    while (performance.now() < until) {
      this.requireGoing();
      const found = await findPrimary(this.#members(book));
      if (found !== undefined) return found;
      await sleep(200);
    }
    const name = this.layout.books.find(({ number }) => number === book)?.name ?? String(book);
    const logs = this.#paths?.logs ?? '';
    throw new Error(
      `no copy of ${name} is promoted; the reason is in ${logs}/*-patroni-${name}.log`,
    );
  }

  async #prepareBooks(): Promise<void> {
    await Promise.all(
      this.layout.books.map(async ({ number, database, home }) => {
        for (;;) {
          const { adminUrl } = await this.#primary(number);
          const url = new URL(adminUrl);
          url.pathname = '/postgres';
          try {
            await ensureDatabase(url.href, database, regionSecrets(this.root, home));
            await migrate(adminUrl);
            break;
          } catch (error) {
            // Patroni has just taken the lease from it: the next primary is prepared instead.
            if (!isReadOnly(error)) throw error;
            await sleep(200);
          }
        }
        this.#emit({ kind: 'migrated', region: home });
      }),
    );
  }

  async #booksAreLed(): Promise<void> {
    const until = performance.now() + LEADING_MS;
    for (const { number, name } of this.layout.books) {
      while (!(await this.#isLed(number))) {
        this.requireGoing();
        if (performance.now() > until) throw new Error(`no ledger server leads ${name}`);
        await sleep(200);
      }
    }
  }

  async #isLed(book: number): Promise<boolean> {
    const members = this.#members(book);
    const answers = await Promise.all(members.map((member) => leads(member.ledgerAddress)));
    return answers.includes(true);
  }

  /** Ends a start that is under way: it throws, and its caller stops the rest. */
  readonly abort = (): void => {
    this.#aborted = true;
    for (const process of this.processes) void process.stop();
  };

  /** Throws when the cluster is being stopped: nothing may be started any more. */
  requireGoing(): void {
    if (this.#aborted || this.#stopped !== undefined) throw new Error('Meridian was stopped');
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#status = 'stopping';
    this.#control?.close();
    this.#pki?.stop();
    // Patroni stops its Postgres in order only where it reaches etcd and the others.
    const links = this.#links;
    if (links !== undefined) {
      const heal = this.layout.links.map(({ from, to }) => links.heal(from, to));
      await Promise.allSettled(heal);
    }
    for (const region of this.regions) {
      for (const book of region.patronis.keys()) region.signalPostgres(book, 'SIGCONT');
    }
    const stages = [...new Set(this.processes.map(({ spec }) => spec.stage))];
    for (const stage of stages.toSorted((a, b) => a - b)) {
      const group = this.processes.filter(({ spec }) => spec.stage === stage);
      await Promise.all(group.map((process) => process.stop()));
    }
    if (this.root !== '') await stopOrphans(this.root, this.layout);
    await links?.close();
    const guard = this.#guard;
    if (guard?.pid !== undefined && guard.exitCode === null && guard.signalCode === null) {
      const ended = once(guard, 'exit');
      guard.stdin?.end();
      await ended;
    }
    if (this.root !== '') clearState(this.root);
  }

  get #socket(): string {
    return controlSocket(this.#paths?.run ?? '');
  }

  #emit(event: ClusterEvent): void {
    this.#options.onEvent?.(event);
  }

  #onState(region: RegionName, state: ProcessState, changed: SupervisedProcess): void {
    try {
      this.#save();
    } catch (error) {
      // A full disk must not take the supervision down with it; the file is information.
      this.#emit({ kind: 'notice', text: `cluster.json could not be written: ${String(error)}` });
    }
    const { name, pid, lastReason: reason } = changed;
    this.#emit({ kind: 'process', region, name, state, pid, reason });
  }

  #save(): void {
    if (this.regions.length === this.layout.regions.length) writeState(this.root, this.describe());
  }

  describe(): ClusterState {
    return this.#describe(this.root);
  }

  #describe(root: string): ClusterState {
    const { regions, layout } = this;
    return {
      pid: process.pid,
      identity: ownIdentity(),
      status: this.#status,
      startedAt: this.#startedAt,
      dataDir: root,
      basePort: layout.basePort,
      regions: regions.map(({ state }) => state),
      books: regions
        .flatMap((region) => region.books)
        .toSorted((one, other) => one.number - other.number),
      processes: this.processes.map(({ name, state, pid, starts, spec }) => ({
        name,
        state,
        ...(pid === undefined ? {} : { pid }),
        starts,
        logFile: spec.logFile,
      })),
      tls: this.#options.insecure !== true,
      links: layout.links.map(({ from, to }) => ({ from, to, port: layout.basePort })),
      replicated: {
        members: regions.flatMap(({ members }) => members),
        etcd: layout.regions
          .filter(({ hasEtcd }) => hasEtcd)
          .map(({ name, ip, ports }) => ({
            region: name,
            url: `http://${ip}:${ports.etcdClient}`,
          })),
        patroniAuth: {
          username: 'patroni',
          password: this.#paths === undefined ? '' : readSecrets(root).patroni,
        },
      },
      controlSocket: this.#socket,
    };
  }
}

/** Stops every Postgres whose Patroni was killed. */
async function stopOrphans(root: string, { regions }: ReplicatedLayout): Promise<void> {
  const folders = regions.flatMap(({ name, members }) =>
    members.map(({ bookName }) => copyFolder(root, name, bookName)),
  );
  const killAt = performance.now() + 10_000;
  for (;;) {
    const signal = performance.now() < killAt ? 'SIGINT' : 'SIGKILL';
    const running = folders.filter((folder) => signalPostgres(folder, signal));
    if (running.length === 0) return;
    await sleep(500);
  }
}

/**
 * Starts the replicated profile and resolves when every book is led. Data of an earlier run in
 * the folder is found again, however that run ended.
 * Throws an Error that states what to do: packages are missing, the folder is in use or not ours, a
 * port is taken, a process does not come up. Everything that was started is stopped before.
 */
export async function startReplicatedCluster(
  options: ReplicatedOptions,
): Promise<ReplicatedCluster> {
  const running = new RunningReplicated(options);
  options.signal?.addEventListener('abort', running.abort, { once: true });
  try {
    options.signal?.throwIfAborted();
    await running.start();
    const { faults } = running;
    if (faults === undefined) throw new Error('nothing was started');
    return {
      dataDir: running.root,
      layout: running.layout,
      processes: describeProcesses(running),
      faults,
      state: () => running.describe(),
      stop: () => running.stop(),
    };
  } catch (error) {
    await running.stop();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', running.abort);
  }
}
