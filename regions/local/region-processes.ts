import { join } from 'node:path';
import { type DataPaths, regionSecrets } from './data-dir.ts';
import type { RegionLayout, Role } from './layout.ts';
import { type PostgresServer, preparePostgres } from './postgres.ts';
import type { PostgresPrograms } from './postgres-binaries.ts';
import { probeAnswers, probeHealth, probeListens, probePostgres } from './probes.ts';
import { describeRedis, type RedisServer } from './redis.ts';
import { describeServer } from './server-process.ts';
import type { RegionState } from './state.ts';
import type { ProcessSpec, SupervisedProcess } from './supervised-process.ts';

/** The four processes of one region, started from the database up and stopped from the top. */

export interface Programs {
  /** The entry point of a ledger server, a .ts file; its environment is regions/config.ts. */
  readonly ledger: string;
  readonly router: string;
  /** Brings the book's database up to date, as the superuser. */
  readonly migrate: (adminUrl: string) => Promise<void>;
}

export interface RegionOptions {
  readonly layout: RegionLayout;
  readonly paths: DataPaths;
  readonly postgres: PostgresPrograms;
  readonly withRedis: boolean;
  readonly programs: Programs;
  readonly onState: NonNullable<ProcessSpec['onState']>;
  readonly onStep: (step: 'migrated' | 'ready') => void;
}

// In the order of stopping: the front door first, what others lean on last.
const stages: Readonly<Record<Role, number>> = { router: 1, ledger: 2, redis: 3, postgres: 3 };

export class RegionProcesses {
  readonly #options: RegionOptions;
  #processes: SupervisedProcess[] = [];
  #stopping = false;
  #state: RegionState | undefined;

  constructor(options: RegionOptions) {
    this.#options = options;
  }

  /** Those that exist by now. */
  get processes(): readonly SupervisedProcess[] {
    return this.#processes;
  }

  /** Addresses and URLs; undefined until the database is described. */
  get state(): RegionState | undefined {
    return this.#state;
  }

  /** Starts the four in order. Throws when one does not come up, or `stop` came in between. */
  async start(): Promise<void> {
    const { layout, programs, onStep } = this.#options;
    const postgres = await this.#preparePostgres();
    const redis = this.#prepareRedis();
    this.#state = describeRegion(layout, postgres, redis);
    const ledger = this.#server('ledger', postgres, ledgerSettings(layout, postgres, redis));
    const router = this.#server('router', postgres, commonSettings(layout, layout.routerAddress));
    this.#processes = [postgres.process, redis?.process, ledger, router].filter(
      (process) => process !== undefined,
    );
    this.#requireGoing();
    await Promise.all([postgres.start(), redis?.process.start()]);
    this.#requireGoing();
    await programs.migrate(postgres.adminUrl);
    onStep('migrated');
    for (const process of [ledger, router]) {
      this.#requireGoing();
      await process.start();
    }
    onStep('ready');
  }

  /** Stops what runs, in order. Never throws. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const stage of [1, 2, 3]) {
      const group = this.#processes.filter((process) => process.spec.stage === stage);
      await Promise.all(group.map((process) => process.stop()));
    }
  }

  #requireGoing(): void {
    if (this.#stopping) throw new Error(`${this.#options.layout.name} was stopped`);
  }

  #files(role: Role) {
    const { layout, paths, onState } = this.#options;
    return {
      name: `${layout.name}/${role}`,
      logFile: join(paths.logs, `${layout.name}-${role}.log`),
      pidFile: join(paths.run, `${layout.name}-${role}.pid`),
      stage: stages[role],
      onState,
    };
  }

  #preparePostgres(): Promise<PostgresServer> {
    const { layout, paths, postgres } = this.#options;
    return preparePostgres({
      ...this.#files('postgres'),
      directory: join(paths.root, layout.name, 'postgres'),
      port: layout.ports.postgres,
      database: layout.database,
      passwords: regionSecrets(paths.root, layout.name),
      programs: postgres,
    });
  }

  #prepareRedis(): RedisServer | undefined {
    const { layout, paths, withRedis } = this.#options;
    if (!withRedis) return undefined;
    return describeRedis({
      ...this.#files('redis'),
      directory: join(paths.root, layout.name, 'redis'),
      port: layout.ports.redis,
      password: regionSecrets(paths.root, layout.name).redis,
    });
  }

  #server(
    role: 'ledger' | 'router',
    { adminUrl }: PostgresServer,
    settings: Record<string, string>,
  ): SupervisedProcess {
    const { layout, programs } = this.#options;
    const address = role === 'ledger' ? layout.ledgerAddress : layout.routerAddress;
    return describeServer({
      kind: role,
      program: programs[role],
      settings,
      files: this.#files(role),
      probe: () => probeHealth(address),
      liveness: {
        answers: () => probeAnswers(address),
        listens: () => probeListens(address),
        wouldHelp: () => probePostgres(adminUrl),
      },
    });
  }
}

function describeRegion(
  layout: RegionLayout,
  postgres: PostgresServer,
  redis: RedisServer | undefined,
): RegionState {
  const { name, book, bookName, routerAddress, ledgerAddress } = layout;
  const { adminUrl, ledgerUrl, auditorUrl } = postgres;
  const urls = { adminUrl, ledgerUrl, auditorUrl };
  const redisUrl = redis === undefined ? {} : { redisUrl: redis.url };
  return { name, book, bookName, routerAddress, ledgerAddress, ...urls, ...redisUrl };
}

/** The environment contract of regions/config.ts, the part that both servers share. */
function commonSettings(layout: RegionLayout, listen: string): Record<string, string> {
  return {
    MERIDIAN_REGION: layout.name,
    MERIDIAN_LISTEN: listen,
    MERIDIAN_LEDGERS: layout.ledgers.join(','),
    MERIDIAN_BOOKS: layout.books.join(','),
  };
}

function ledgerSettings(
  layout: RegionLayout,
  postgres: PostgresServer,
  redis: RedisServer | undefined,
): Record<string, string> {
  return {
    ...commonSettings(layout, layout.ledgerAddress),
    MERIDIAN_BOOK: String(layout.book),
    MERIDIAN_DATABASE_URL: postgres.ledgerUrl,
    ...(redis === undefined ? {} : { MERIDIAN_REDIS_URL: redis.url }),
  };
}
