import { join } from 'node:path';
import { MIB } from '../../../ledger/core/limits.ts';
import { postgresTuning, type ProcessSettings } from '../../config/process-settings.ts';
import { type DataPaths, regionSecrets } from '../../topology/data-dir.ts';
import type { BookLayout, RegionLayout } from '../../topology/layout.ts';
import { type PostgresServer, preparePostgres } from '../postgres.ts';
import type { InstallationPki } from '../../pki/installation-pki.ts';
import type { PostgresPrograms } from '../../../ledger/postgres/postgres-binaries.ts';
import { probeHealth, probeListens, probePostgres, RepeatedProbe } from '../../processes/probes.ts';
import { describeRedis, type RedisServer } from '../redis.ts';
import { serverSpec } from '../server-process.ts';
import type { BookEndpoints, RegionState } from '../../topology/state.ts';
import { type ProcessSpec, SupervisedProcess } from '../../processes/supervised-process.ts';

/**
 * The processes of one region, started from the database up and stopped from the top: a Postgres
 * with a database for each book, a Redis, a ledger server for each book, and a router.
 */

export interface Programs {
  /** The entry point of a ledger server, a .ts file; its environment is regions/server/config.ts. */
  readonly ledger: string;
  readonly router: string;
  /** Brings the book's database up to date, as the superuser. */
  readonly migrate: (adminUrl: string) => Promise<void>;
}

export interface EmbeddedRegionOptions {
  readonly layout: RegionLayout;
  readonly paths: DataPaths;
  readonly postgres: PostgresPrograms;
  readonly withRedis: boolean;
  readonly settings: ProcessSettings;
  readonly programs: Programs;
  readonly pki: InstallationPki;
  readonly onState: NonNullable<ProcessSpec['onState']>;
  readonly onStep: (step: 'migrated' | 'ready') => void;
}

// In the order of stopping: the front door first, dependencies last.
const stages = { router: 1, ledger: 2, redis: 3, postgres: 3 };

/** How long a server that is restarted with other settings may take to serve again. */
const RESTART_MS_MAX = 60_000;

/** What the region keeps its data in; it is described before it starts. */
interface Stores {
  readonly postgres: PostgresServer;
  readonly redis: RedisServer | undefined;
}

export class RegionProcesses {
  readonly #options: EmbeddedRegionOptions;
  #layout: RegionLayout;
  #stores: Stores | undefined;
  /** By number of the book. */
  readonly #ledgers = new Map<number, SupervisedProcess>();
  #router: SupervisedProcess | undefined;
  #stopping = false;

  constructor(options: EmbeddedRegionOptions) {
    this.#options = options;
    this.#layout = options.layout;
  }

  get name(): string {
    return this.#layout.name;
  }

  /** The processes that exist so far. */
  get processes(): readonly SupervisedProcess[] {
    const { postgres, redis } = this.#stores ?? {};
    const all = [postgres?.process, redis?.process, ...this.#ledgers.values(), this.#router];
    return all.filter((process) => process !== undefined);
  }

  /** Addresses and URLs; undefined until the database is described. */
  get state(): RegionState | undefined {
    const [first] = this.books;
    if (first === undefined) return undefined;
    const { name: bookName, number: book, ledgerAddress, adminUrl, ledgerUrl, auditorUrl } = first;
    const { name, routerAddress } = this.#layout;
    const redisUrl = this.#stores?.redis?.url;
    return {
      name,
      book,
      bookName,
      routerAddress,
      ledgerAddress,
      adminUrl,
      ledgerUrl,
      auditorUrl,
      ...(redisUrl === undefined ? {} : { redisUrl }),
    };
  }

  /** The books whose ledger servers exist so far, by number. */
  get books(): readonly BookEndpoints[] {
    const postgres = this.#stores?.postgres;
    if (postgres === undefined) return [];
    return this.#layout.books
      .filter(({ number }) => this.#ledgers.has(number))
      .map(({ number, name, region, process, ledgerAddress, database }) => {
        const place = { number, name, region, process, ledgerAddress };
        return { ...place, ...postgres.urls(database) };
      });
  }

  /**
   * Starts everything in order; `beforeServers` runs before a ledger server can write what it knows
   * of the region into its book. Throws when a process does not come up, or `stop` came in between.
   */
  async start(beforeServers: () => void): Promise<void> {
    await this.startBooks(this.#layout, beforeServers);
    this.#requireGoing();
    await this.#startRouter();
  }

  /**
   * Starts the stores, unless they run, and the ledger servers of those books in the layout that
   * have none. Servers that run keep their settings until `restartLedgers` and `restartRouter`.
   * Returns the names of the processes that it has started.
   */
  async startBooks(layout: RegionLayout, beforeServers?: () => void): Promise<string[]> {
    const before = this.processes;
    const isNew = this.#stores === undefined;
    const stores = (this.#stores ??= await this.#prepareStores());
    await this.#secure(layout);
    const added = layout.books.filter(({ number }) => !this.#ledgers.has(number));
    this.#layout = layout;
    for (const book of added) {
      this.#ledgers.set(book.number, new SupervisedProcess(this.#ledgerSpec(stores, book)));
    }
    this.#requireGoing();
    const { postgres, redis } = stores;
    if (isNew) await startStopped([postgres.process, redis?.process]);
    for (const { database } of added) {
      this.#requireGoing();
      await postgres.addDatabase(database);
    }
    const { programs, onStep } = this.#options;
    await Promise.all(
      added.map(({ database }) => programs.migrate(postgres.urls(database).adminUrl)),
    );
    if (added.length > 0) onStep('migrated');
    this.#requireGoing();
    beforeServers?.();
    await startStopped(added.map(({ number }) => this.#ledgers.get(number)));
    return this.processes.filter((process) => !before.includes(process)).map(({ name }) => name);
  }

  /** Issues the certificates of the servers, and notes how these are reached. */
  async #secure({ name, routerAddress, books, ledgers }: RegionLayout): Promise<void> {
    const { pki } = this.#options;
    pki.note([routerAddress, ...books.map(({ ledgerAddress }) => ledgerAddress), ...ledgers]);
    await pki.addRegion(name, ['localhost', '127.0.0.1']);
  }

  /** Takes back `startBooks`: ends the servers of books that `layout` does not have. */
  async removeBooks(layout: RegionLayout): Promise<void> {
    const kept = new Set(layout.books.map(({ number }) => number));
    const removed = [...this.#ledgers].filter(([number]) => !kept.has(number));
    await Promise.all(removed.map(([, process]) => process.stop()));
    for (const [number] of removed) this.#ledgers.delete(number);
    this.#layout = layout;
  }

  /** Names of the servers that would have other settings with this layout. */
  outdated(layout: RegionLayout): string[] {
    const stores = this.#started();
    const specs = [
      ...layout.books.map((book) => this.#ledgerSpec(stores, book, layout)),
      this.#routerSpec(stores, layout),
    ];
    return specs
      .filter((spec) => {
        const process = this.processes.find(({ name }) => name === spec.name);
        return process !== undefined && !sameSettings(process.spec, spec);
      })
      .map(({ name }) => name);
  }

  /**
   * Restarts, one after the other, the ledger servers whose settings differ from the layout, and
   * waits for each to serve. Returns the names of those that it has restarted.
   */
  async restartLedgers(layout: RegionLayout): Promise<string[]> {
    const stores = this.#started();
    this.#layout = layout;
    const restarted: string[] = [];
    for (const book of layout.books) {
      const process = this.#ledgers.get(book.number);
      if (process === undefined) continue;
      if (await this.#replace(process, this.#ledgerSpec(stores, book)))
        restarted.push(process.name);
    }
    return restarted;
  }

  /** The same for the router, which is started if the region has none yet. */
  async restartRouter(layout: RegionLayout): Promise<string[]> {
    const stores = this.#started();
    this.#layout = layout;
    const router = this.#router;
    if (router !== undefined) {
      return (await this.#replace(router, this.#routerSpec(stores))) ? [router.name] : [];
    }
    await this.#startRouter();
    return [];
  }

  async #startRouter(): Promise<void> {
    const router = new SupervisedProcess(this.#routerSpec(this.#started()));
    this.#requireGoing();
    this.#router = router;
    try {
      await router.start();
    } catch (error) {
      this.#router = undefined;
      throw error;
    }
    this.#options.onStep('ready');
  }

  /** Stops what runs, in order. Never throws. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const stage of [1, 2, 3]) {
      const group = this.processes.filter((process) => process.spec.stage === stage);
      await Promise.all(group.map((process) => process.stop()));
    }
  }

  /**
   * Restarts a server with other settings, if they differ; one that was stopped stays so and has
   * them from its next start on. Throws when it does not serve in time: it has its previous
   * settings again then, and is kept running.
   */
  async #replace(process: SupervisedProcess, spec: ProcessSpec): Promise<boolean> {
    const before = process.spec;
    if (sameSettings(before, spec)) return false;
    if (process.state === 'stopped') {
      process.spec = spec;
      return false;
    }
    const change = async (next: ProcessSpec) => {
      await process.stop();
      this.#requireGoing();
      process.spec = next;
      await process.resume(RESTART_MS_MAX);
    };
    try {
      await change(spec);
      return true;
    } catch (error) {
      this.#requireGoing();
      await change(before).catch(() => undefined);
      throw error;
    }
  }

  #started(): Stores {
    if (this.#stores === undefined) throw new Error(`${this.name} was not started`);
    return this.#stores;
  }

  #requireGoing(): void {
    if (this.#stopping) throw new Error(`${this.name} was stopped`);
  }

  async #prepareStores(): Promise<Stores> {
    return { postgres: await this.#preparePostgres(), redis: this.#prepareRedis() };
  }

  /** @param name REGION/ROLE, or REGION/ROLE-BOOK */
  #files(name: string, stage: number) {
    const { paths, onState, settings } = this.#options;
    const file = name.replace('/', '-');
    return {
      name,
      logFile: join(paths.logs, `${file}.log`),
      pidFile: join(paths.run, `${file}.pid`),
      stage,
      onState,
      logBytes: settings.supervisor.logMib * MIB,
    };
  }

  #preparePostgres(): Promise<PostgresServer> {
    const { paths, postgres, settings } = this.#options;
    const tuning = settings.supervisor;
    const { name, ports } = this.#layout;
    return preparePostgres({
      ...this.#files(`${name}/postgres`, stages.postgres),
      directory: join(paths.root, name, 'postgres'),
      port: ports.postgres,
      // Made one by one, as books can also be added later.
      databases: [],
      passwords: regionSecrets(paths.root, name),
      programs: postgres,
      startSeconds: tuning.postgresStartSeconds,
      tuning: postgresTuning(tuning),
    });
  }

  #prepareRedis(): RedisServer | undefined {
    const { paths, withRedis, settings } = this.#options;
    const { name, ports } = this.#layout;
    if (!withRedis) return undefined;
    return describeRedis({
      ...this.#files(`${name}/redis`, stages.redis),
      directory: join(paths.root, name, 'redis'),
      port: ports.redis,
      password: regionSecrets(paths.root, name).redis,
      memoryMib: settings.supervisor.redisMib,
    });
  }

  #ledgerSpec({ postgres, redis }: Stores, book: BookLayout, layout = this.#layout): ProcessSpec {
    const { adminUrl, ledgerUrl } = postgres.urls(book.database);
    return this.#serverSpec(layout, 'ledger', book.process, book.ledgerAddress, adminUrl, {
      MERIDIAN_BOOK: String(book.number),
      MERIDIAN_DATABASE_URL: ledgerUrl,
      ...(redis === undefined ? {} : { MERIDIAN_REDIS_URL: redis.url }),
    });
  }

  #routerSpec({ postgres }: Stores, layout = this.#layout): ProcessSpec {
    const { name, routerAddress } = layout;
    const { adminUrl } = postgres.urls('postgres');
    return this.#serverSpec(layout, 'router', `${name}/router`, routerAddress, adminUrl, {});
  }

  #serverSpec(
    { name: region, ledgers, allBooks }: RegionLayout,
    kind: 'ledger' | 'router',
    name: string,
    address: string,
    adminUrl: string,
    own: Readonly<Record<string, string>>,
  ): ProcessSpec {
    return serverSpec({
      kind,
      program: this.#options.programs[kind],
      settings: this.#options.settings,
      place: {
        MERIDIAN_REGION: region,
        ...this.#options.pki.environment(kind, region),
        MERIDIAN_LISTEN: address,
        MERIDIAN_LEDGERS: ledgers.join(','),
        MERIDIAN_BOOKS: allBooks.join(','),
        ...own,
      },
      files: this.#files(name, stages[kind]),
      probe: () => probeHealth(address),
      liveness: {
        open: () => new RepeatedProbe(address),
        listens: () => probeListens(address),
        wouldHelp: () => probePostgres(adminUrl),
      },
    });
  }
}

function sameSettings(one: ProcessSpec, other: ProcessSpec): boolean {
  return JSON.stringify(one.env) === JSON.stringify(other.env);
}

/** Starts, all at once, those that do not run. */
async function startStopped(processes: readonly (SupervisedProcess | undefined)[]): Promise<void> {
  const stopped = processes.flatMap((one) => (one?.state === 'stopped' ? one : []));
  await Promise.all(stopped.map((one) => one.start()));
}
