import { chmodSync, chownSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MIB } from '../../../ledger/core/limits.ts';
import type { ProcessSettings } from '../../config/process-settings.ts';
import type { InstallationPki } from '../../pki/installation-pki.ts';
import { writeFileAtomic } from '../../processes/atomic-file.ts';
import { type DataPaths, regionSecrets } from '../../topology/data-dir.ts';
import { childEnvironment } from '../../processes/environment.ts';
import type { RunAs } from '../../../ledger/postgres/postgres-binaries.ts';
import {
  probeAnswers,
  probeHealth,
  probeListens,
  probePostgres,
  RepeatedProbe,
} from '../../processes/probes.ts';
import { describeRedis } from '../redis.ts';
import type { Programs } from '../embedded/region-processes.ts';
import { describeServer } from '../server-process.ts';
import type { BookEndpoints, MemberState, RegionState } from '../../topology/state.ts';
import { type ProcessSpec, SupervisedProcess } from '../../processes/supervised-process.ts';
import { etcdConfig } from './etcd-config.ts';
import { copyFolder } from './held-data.ts';
import { hostsEnvironment, writeHosts } from './hosts.ts';
import type {
  MemberLayout,
  ReplicatedLayout,
  ReplicatedRegion,
} from '../../topology/replicated-layout.ts';
import type { ReplicatedPrograms } from './packages.ts';
import { patroniConfig } from './patroni-config.ts';
import { promotionGuard } from './promotion-guard.ts';
import { signalPostgres } from '../postgres-tree.ts';
import { readSecrets } from './secrets.ts';

/** All processes of one region of the replicated profile. */

export interface ReplicatedRegionOptions {
  readonly layout: ReplicatedLayout;
  readonly region: ReplicatedRegion;
  readonly paths: DataPaths;
  readonly packages: ReplicatedPrograms;
  readonly programs: Pick<Programs, 'ledger' | 'router'>;
  readonly settings: ProcessSettings;
  readonly runAs: RunAs | undefined;
  readonly pki: InstallationPki;
  readonly onState: NonNullable<ProcessSpec['onState']>;
}

/** In the order of stopping: the front door first, dependencies last. */
const stages = { router: 1, ledger: 2, redis: 3, patroni: 3, etcd: 4 } as const;
type SupervisedRole = keyof typeof stages;

const databaseUrl = (role: string, password: string, host: string, port: number, name: string) =>
  `postgres://${role}:${encodeURIComponent(password)}@${host}:${port}/${name}`;

export class Region {
  readonly options: ReplicatedRegionOptions;
  /** Undefined: this region has no member of etcd. */
  readonly etcd: SupervisedProcess | undefined;
  readonly redis: SupervisedProcess | undefined;
  readonly router: SupervisedProcess;
  /** By book number. */
  readonly patronis: ReadonlyMap<number, SupervisedProcess>;
  readonly ledgers: ReadonlyMap<number, SupervisedProcess>;
  readonly members: readonly MemberState[];
  readonly state: RegionState;
  readonly #folder: string;
  readonly #environment: Record<string, string>;

  constructor(options: ReplicatedRegionOptions) {
    this.options = options;
    const { region, paths, packages } = options;
    this.#folder = join(paths.root, region.name);
    mkdirSync(this.#folder, { recursive: true, mode: 0o711 });
    const hosts = join(this.#folder, 'hosts');
    writeHosts(hosts, region);
    this.#environment = hostsEnvironment(hosts, packages);
    this.members = region.members.map((member) => this.#describeMember(member));
    const redis = this.#describeRedis();
    this.etcd = options.region.hasEtcd ? this.#describeEtcd() : undefined;
    this.redis = redis?.process;
    this.patronis = new Map(region.members.map((m) => [m.book, this.#describePatroni(m)]));
    this.ledgers = new Map(
      region.members.map((m) => [m.book, this.#describeLedger(m, redis?.url)]),
    );
    this.router = this.#describeRouter();
    this.state = this.#describeRegion(redis?.url);
  }

  get name(): ReplicatedRegion['name'] {
    return this.options.region.name;
  }

  get processes(): SupervisedProcess[] {
    const { etcd, redis, patronis, ledgers, router } = this;
    const all = [etcd, redis, ...patronis.values(), ...ledgers.values(), router];
    return all.filter((process) => process !== undefined);
  }

  /** Issues the certificates of its servers, and notes how these are reached. */
  async secure(): Promise<void> {
    const { region, pki } = this.options;
    const { ip, host, ports } = region;
    const ledgers = region.members.map((member) => member.ports.ledger);
    pki.note([ports.router, ...ledgers].map((port) => `${ip}:${port}`));
    await pki.addRegion(region.name, [host, ip, 'localhost']);
  }

  /** Sends a signal to the Postgres of a book's member. False: none runs. */
  signalPostgres(book: number, signal: NodeJS.Signals): boolean {
    const member = this.options.region.members.find((candidate) => candidate.book === book);
    return member !== undefined && signalPostgres(this.#dataDir(member), signal);
  }

  #dataDir(member: MemberLayout): string {
    return copyFolder(this.options.paths.root, this.name, member.bookName);
  }

  #files(role: SupervisedRole, bookName?: string) {
    const { region, paths, onState } = this.options;
    const name = bookName === undefined ? role : `${role}-${bookName}`;
    return {
      name: `${region.name}/${name}`,
      logFile: join(paths.logs, `${region.name}-${name}.log`),
      pidFile: join(paths.run, `${region.name}-${name}.pid`),
      stage: stages[role],
      onState,
      logBytes: this.options.settings.supervisor.logMib * MIB,
    };
  }

  /** A folder for the user that the databases run as. */
  #ownFolder(...names: string[]): string {
    const { runAs } = this.options;
    const folder = join(this.#folder, ...names);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (runAs !== undefined) chownSync(folder, runAs.uid, runAs.gid);
    return folder;
  }

  #ownFile(path: string, text: string): string {
    const { runAs } = this.options;
    writeFileAtomic(path, text);
    if (runAs !== undefined) chownSync(path, runAs.uid, runAs.gid);
    return path;
  }

  #describeEtcd(): SupervisedProcess {
    const { layout, region, packages, runAs } = this.options;
    const folder = this.#ownFolder('etcd');
    const text = etcdConfig(layout, region, join(folder, 'data'));
    const config = this.#ownFile(join(folder, 'etcd.yaml'), text);
    const url = `http://${region.ip}:${region.ports.etcdClient}/health`;
    return new SupervisedProcess({
      ...this.#files('etcd'),
      command: packages.etcd,
      args: ['--config-file', config],
      env: childEnvironment(this.#environment),
      cwd: '/',
      runAs: runAs && { uid: runAs.uid, gid: runAs.gid },
      stopSignal: 'SIGTERM',
      graceMs: 5_000,
      readyTimeoutMs: 60_000,
      probe: async () => (await ask(url)).ok,
    });
  }

  #describeRedis() {
    const { region, paths } = this.options;
    return describeRedis({
      ...this.#files('redis'),
      directory: join(this.#folder, 'redis'),
      host: region.ip,
      port: region.ports.redis,
      password: regionSecrets(paths.root, region.name).redis,
      memoryMib: this.options.settings.supervisor.redisMib,
    });
  }

  #describePatroni(member: MemberLayout): SupervisedProcess {
    const { layout, region, paths, packages, runAs } = this.options;
    const runDir = this.#ownFolder(member.bookName);
    const guard = this.#writeGuard(member, runDir);
    const text = patroniConfig({
      guard,
      layout,
      region,
      member,
      programs: packages,
      secrets: regionSecrets(paths.root, member.home),
      replicatedSecrets: readSecrets(paths.root),
      dataDir: this.#dataDir(member),
      runDir,
      tuning: this.options.settings.supervisor,
    });
    const config = this.#ownFile(join(runDir, 'patroni.yaml'), text);
    // A copy, for the user of the databases may not be able to enter the checkout.
    const launcher = readFileSync(join(import.meta.dirname, 'patroni_guarded.py'), 'utf8');
    const program = this.#ownFile(join(runDir, 'patroni_guarded.py'), launcher);
    const url = `http://${region.ip}:${member.ports.patroni}/health`;
    return new SupervisedProcess({
      ...this.#files('patroni', member.bookName),
      command: packages.python,
      args: [program, config],
      env: childEnvironment({ ...this.#environment, LANG: 'C', LC_ALL: 'C', TZ: 'UTC' }),
      cwd: '/',
      runAs: runAs && { uid: runAs.uid, gid: runAs.gid },
      stopSignal: 'SIGTERM',
      // It stops Postgres, which writes a checkpoint first.
      graceMs: 60_000,
      readyTimeoutMs: 180_000,
      probe: async () => (await ask(url)).ok,
    });
  }

  /** The promotion guard and its password file. */
  #writeGuard(member: MemberLayout, runDir: string): string {
    const { layout, paths, packages } = this.options;
    const { postgresBin, python } = packages;
    const password = regionSecrets(paths.root, member.home).postgres;
    this.#ownFile(join(runDir, 'guard.pgpass'), `*:*:*:postgres:${password}\n`);
    const script = promotionGuard({ layout, member, postgresBin, python, runDir });
    const path = this.#ownFile(join(runDir, 'promotion-guard'), script);
    chmodSync(path, 0o700);
    return path;
  }

  #common(): Record<string, string> {
    const { layout, region } = this.options;
    return {
      ...this.#environment,
      MERIDIAN_REGION: region.name,
      MERIDIAN_BOOKS: layout.books.map((b) => `${b.number}:${b.name}:${b.home}`).join(','),
      MERIDIAN_LEDGERS: layout.regions
        .flatMap(({ host, members }) => members.map(({ ports }) => `${host}:${ports.ledger}`))
        .join(','),
    };
  }

  #describeLedger(member: MemberLayout, redisUrl: string | undefined): SupervisedProcess {
    const { region, programs } = this.options;
    const listen = `${region.ip}:${member.ports.ledger}`;
    return describeServer({
      kind: 'ledger',
      program: programs.ledger,
      settings: this.options.settings,
      place: {
        ...this.#common(),
        ...this.options.pki.environment('ledger', region.name),
        MERIDIAN_LISTEN: listen,
        MERIDIAN_ADVERTISE: `${region.host}:${member.ports.ledger}`,
        MERIDIAN_BOOK: String(member.book),
        MERIDIAN_DATABASE_URL: this.#describeMember(member).ledgerUrl,
        MERIDIAN_REPLICATED: 'true',
        ...(redisUrl === undefined ? {} : { MERIDIAN_REDIS_URL: redisUrl }),
      },
      files: this.#files('ledger', member.bookName),
      // Two of three are standbys, which report NOT_SERVING.
      probe: () => probeAnswers(listen),
      // While its Postgres answers, Patroni leaves the book's leader where it is.
      liveness: {
        open: () => new RepeatedProbe(listen),
        listens: () => probeListens(listen),
        wouldHelp: () => probePostgres(this.#describeMember(member).adminUrl),
      },
    });
  }

  #describeRouter(): SupervisedProcess {
    const { region, programs } = this.options;
    const { router, etcdClient } = region.ports;
    const listen = `${region.ip}:${router}`;
    const etcd = region.etcd.map(({ host }) => `http://${host}:${etcdClient}`);
    return describeServer({
      kind: 'router',
      program: programs.router,
      settings: this.options.settings,
      place: {
        ...this.#common(),
        ...this.options.pki.environment('router', region.name),
        MERIDIAN_LISTEN: listen,
        MERIDIAN_ETCD: etcd.join(','),
      },
      files: this.#files('router'),
      // It may have been drained before it was started.
      probe: () => probeAnswers(listen),
      liveness: {
        open: () => new RepeatedProbe(listen),
        listens: () => probeListens(listen),
        // By address: the names of the regions mean nothing to this process.
        wouldHelp: async () => (await ask(`http://${region.etcd[0]?.ip}:${etcdClient}/health`)).ok,
      },
    });
  }

  #describeMember(member: MemberLayout): MemberState {
    const { region, layout, paths } = this.options;
    const { book, bookName, home, name, ports } = member;
    const secrets = regionSecrets(paths.root, home);
    const database = layout.books.find(({ number }) => number === book)?.database ?? '';
    const url = (role: string, password: string) =>
      databaseUrl(role, password, region.ip, ports.postgres, database);
    return {
      name,
      book,
      bookName,
      home,
      region: region.name,
      patroniUrl: `http://${region.ip}:${ports.patroni}`,
      ledgerAddress: `${region.ip}:${ports.ledger}`,
      adminUrl: url('postgres', secrets.postgres),
      ledgerUrl: url('meridian_ledger', secrets.ledger),
      auditorUrl: url('auditor', secrets.auditor),
    };
  }

  /** The books that are at home here, with their copies here. */
  get books(): BookEndpoints[] {
    return this.members
      .filter(({ home, region }) => home === region)
      .map(({ book: number, bookName: name, region, ...member }) => {
        const { ledgerAddress, adminUrl, ledgerUrl, auditorUrl } = member;
        const process = `${region}/ledger-${name}`;
        return { number, name, region, process, ledgerAddress, adminUrl, ledgerUrl, auditorUrl };
      });
  }

  /** The region as every command knows it: its router, and its own copy of its first book. */
  #describeRegion(redisUrl: string | undefined): RegionState {
    const { region } = this.options;
    const own = this.members.find(({ home }) => home === region.name);
    if (own === undefined) throw new Error(`${region.name} homes no book`);
    const { book, bookName, ledgerAddress, adminUrl, ledgerUrl, auditorUrl } = own;
    return {
      name: region.name,
      book,
      bookName,
      routerAddress: `${region.ip}:${region.ports.router}`,
      ledgerAddress,
      adminUrl,
      ledgerUrl,
      auditorUrl,
      ...(redisUrl === undefined ? {} : { redisUrl }),
    };
  }
}

function ask(url: string): Promise<Response> {
  return fetch(url, { signal: AbortSignal.timeout(1_000) });
}

/** True when the ledger server at HOST:PORT leads its book. */
export function leads(address: string): Promise<boolean> {
  return probeHealth(address).catch(() => false);
}
