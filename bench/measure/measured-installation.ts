import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../ledger/core/assert.ts';
import { migrate } from '../../ledger/store/postgres/migrate.ts';
import { startCluster } from '../../regions/supervisor/embedded/embedded-cluster.ts';
import {
  defaultProcessSettings,
  postgresTuning,
  type ProcessSettings,
} from '../../regions/config/process-settings.ts';
import { defaultTopology } from '../../regions/topology/topology.ts';
import { requireFreePorts } from '../../regions/processes/ports.ts';
import {
  type DatabaseUrls,
  type PostgresServer,
  preparePostgres,
} from '../../regions/supervisor/postgres.ts';
import type { RegionState } from '../../regions/topology/state.ts';
import { removeData } from '../../regions/topology/state.ts';
import { BookCheck } from './book-check.ts';
import { LoadProcess } from './load-process.ts';
import { startOtherCheckout } from './other-checkout.ts';
import type { TestedCluster } from './tested-cluster.ts';
import { GC_FOLDER, readGcSeconds } from '../profiled/gc-time.ts';
import { countedPrograms, profiledPrograms } from '../profiled/programs.ts';

/** After the ports of three regions. */
const RAW_PORT_OFFSET = 30;
const RAW_DATABASE = 'raw_1';
const RAW_BOOK = { name: 'raw-1', number: 1 };
/** Marks a folder whose content the benchmark may delete. */
const MARKER = 'bench-data';
/** The folder of the regions in it. */
export const REGIONS = 'regions';

export interface InstallationOptions {
  /** A folder of the benchmark's own; data of a previous run in it is deleted. */
  readonly dataDir: string;
  /** The first of 31 ports. */
  readonly basePort: number;
  /** Default: those of an installation without a file. */
  readonly settings?: ProcessSettings | undefined;
  /** Folder of another checkout whose servers are measured; default: those of this one. */
  readonly servers?: string | undefined;
  /** Measure without TLS. */
  readonly insecure: boolean;
  /** Write a processor profile of every ledger server, router and load process at its end. */
  readonly processorProfile: boolean;
  readonly signal: AbortSignal;
}

/**
 * All that is measured, as processes of this machine: three regions, one more Postgres for the
 * bare loop, and a process each for the generator and for the bare loop.
 */
export class MeasuredInstallation {
  readonly regions: readonly RegionState[];
  /** One for each region, in the same order. */
  readonly books: readonly BookCheck[];
  readonly rawBook: BookCheck;
  readonly rawUrl: string;
  readonly generator: LoadProcess;
  readonly rawLoop: LoadProcess;
  readonly #cluster: TestedCluster;
  readonly #raw: PostgresServer;
  readonly #gcFolder: string;

  private constructor(
    cluster: TestedCluster,
    raw: PostgresServer,
    gcFolder: string,
    processorProfile: boolean,
  ) {
    this.generator = new LoadProcess(cluster.dataDir, processorProfile);
    this.rawLoop = new LoadProcess(cluster.dataDir, processorProfile);
    this.#cluster = cluster;
    this.#raw = raw;
    this.#gcFolder = gcFolder;
    this.regions = cluster.regions;
    this.books = cluster.books.map(
      ({ name, number, auditorUrl }) => new BookCheck({ name, number }, auditorUrl),
    );
    this.rawBook = new BookCheck(RAW_BOOK, raw.urls(RAW_DATABASE).auditorUrl);
    this.rawUrl = raw.urls(RAW_DATABASE).ledgerUrl;
  }

  /** Starts everything on empty data. Throws an Error that states what to do if it cannot. */
  static async start(options: InstallationOptions): Promise<MeasuredInstallation> {
    const { dataDir, basePort } = options;
    const settings = options.settings ?? defaultProcessSettings(defaultTopology, 'embedded');
    await emptyBenchData(dataDir);
    const port = basePort + RAW_PORT_OFFSET;
    await requireFreePorts([{ port, use: 'the Postgres of the bare loop' }]);
    const gcFolder = join(dataDir, 'gc');
    mkdirSync(gcFolder, { recursive: true });
    const cluster = await startTested(options, settings, gcFolder);
    try {
      const raw = await startRawPostgres(cluster, dataDir, port, settings);
      return new MeasuredInstallation(cluster, raw, gcFolder, options.processorProfile);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get withRedis(): boolean {
    return this.regions.every(({ redisUrl }) => redisUrl !== undefined);
  }

  /** Makes an empty database in the Postgres of the bare loop. */
  async addRawDatabase(name: string): Promise<DatabaseUrls> {
    await this.#raw.addDatabase(name);
    return this.#raw.urls(name);
  }

  /** Pids by name: those of the regions as REGION/ROLE, and our own. */
  pids(): Map<string, number> {
    const { processes } = this.#cluster;
    const pids = new Map<string, number>();
    const add = (name: string, pid: number | undefined) => {
      if (pid !== undefined) pids.set(name, pid);
    };
    for (const name of processes.names()) add(name, processes.pid(name));
    add('raw/postgres', this.#raw.process.pid);
    add('raw/loop', this.rawLoop.pid);
    add('generator', this.generator.pid);
    add('benchmark', process.pid);
    return pids;
  }

  /** Seconds of garbage collection so far by the same names, of the servers. */
  gcSeconds(): Map<string, number> {
    return readGcSeconds(this.#gcFolder, this.pids());
  }

  /** Pid of a region's ledger server. */
  ledgerPid(region: RegionState): number {
    return must(this.pids().get(`${region.name}/ledger`), 'the ledger server runs');
  }

  /** Why figures cannot be trusted: the processes that died and were restarted; empty if none. */
  restarts(): string[] {
    const { processes } = this.#cluster;
    return processes
      .names()
      .filter((name) => processes.starts(name) > 1)
      .map((name) => `${name} ended during the run and was started again`);
  }

  /** Stops everything in order. */
  async stop(): Promise<void> {
    this.generator.stop();
    this.rawLoop.stop();
    await Promise.all([...this.books, this.rawBook].map((book) => book.close()));
    await this.#raw.process.stop();
    await this.#cluster.stop();
  }
}

function startTested(
  { servers, dataDir, basePort, insecure, processorProfile, signal }: InstallationOptions,
  settings: ProcessSettings,
  gcFolder: string,
): Promise<TestedCluster> {
  const clusterDir = join(dataDir, REGIONS);
  if (servers !== undefined) {
    return startOtherCheckout({
      checkout: servers,
      cwd: dataDir,
      dataDir: clusterDir,
      basePort,
      insecure,
      signal,
    });
  }
  return startCluster({
    insecure,
    dataDir: clusterDir,
    basePort,
    settings: withGcFolder(settings, gcFolder),
    programs: processorProfile ? profiledPrograms : countedPrograms,
    signal,
  });
}

const newPassword = () => randomBytes(18).toString('base64url');

/** The settings of an installation whose servers keep the time of their garbage collection there. */
function withGcFolder(settings: ProcessSettings, folder: string): ProcessSettings {
  const { ledger, router } = settings.environment;
  const own = { [GC_FOLDER]: folder };
  return {
    ...settings,
    environment: { ledger: { ...ledger, ...own }, router: { ...router, ...own } },
  };
}

async function startRawPostgres(
  cluster: TestedCluster,
  dataDir: string,
  port: number,
  { supervisor }: ProcessSettings,
): Promise<PostgresServer> {
  const folder = join(dataDir, 'raw');
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const raw = await preparePostgres({
    name: 'raw/postgres',
    directory: join(folder, 'postgres'),
    port,
    databases: [RAW_DATABASE],
    passwords: { postgres: newPassword(), ledger: newPassword(), auditor: newPassword() },
    // In the folders of the cluster, so that its guard stops this one too if we are killed.
    logFile: join(cluster.dataDir, 'logs', 'raw-postgres.log'),
    pidFile: join(cluster.dataDir, 'run', 'raw-postgres.pid'),
    // As the databases of the books have it: their figures are compared.
    tuning: postgresTuning(supervisor),
  });
  try {
    await raw.start();
    await migrate(raw.urls(RAW_DATABASE).adminUrl);
    return raw;
  } catch (error) {
    await raw.process.stop();
    throw error;
  }
}

/**
 * Makes an empty folder of the benchmark, where an earlier run may have left data.
 * @throws Error if the folder holds anything else, which then stays
 */
export async function emptyBenchData(dataDir: string): Promise<void> {
  await deleteBenchData(dataDir);
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  writeFileSync(join(dataDir, MARKER), '');
}

/**
 * Deletes what an earlier run left in the folder, if it is there.
 * @throws Error if the folder holds anything else, which then stays
 */
export async function deleteBenchData(dataDir: string): Promise<void> {
  if (!existsSync(dataDir)) return;
  const names = readdirSync(dataDir);
  if (names.length > 0 && !names.includes(MARKER)) {
    throw new Error(
      `${dataDir} is not empty and not a folder of the benchmark; choose another --data`,
    );
  }
  await removeData(join(dataDir, REGIONS));
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
}
