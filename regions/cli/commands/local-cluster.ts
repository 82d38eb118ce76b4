import { type Command, InvalidArgumentError, Option } from 'commander';

import type { Cluster, ClusterEvent } from '../../supervisor/embedded/embedded-cluster.ts';
import { defaultBasePort } from '../../topology/layout.ts';
import { type BookEndpoints, type RegionState, removeData } from '../../topology/state.ts';
import type { ReplicatedCluster } from '../../supervisor/replicated/replicated-cluster.ts';
import { defaultTopology, type Topology } from '../../topology/topology.ts';
import type { Config } from '../../config/load-config.ts';
import { type ProcessSettings, processSettings } from '../../config/process-settings.ts';
import { configOption, type WithConfigOption } from '../config-option.ts';
import { type CommandContext, parseWhole } from '../connection.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import { note, styledNote } from '../../terminal/print.ts';

/** Where the processes of an installation run, and which they are. */
export interface LocalOptions {
  readonly data: string;
  readonly port: number;
  readonly topology: Topology;
  /** Default: those of an installation without a file. */
  readonly settings?: ProcessSettings | undefined;
  readonly fresh?: boolean | undefined;
  readonly insecure?: boolean | undefined;
}

/** The options of a command that starts an installation, as they are given. */
export interface StartingOptions extends WithConfigOption {
  readonly data?: string;
  readonly port?: number;
  readonly fresh?: boolean;
  readonly insecure?: boolean;
}

/** Adds the options of a command that starts an installation. */
export function withStartingOptions(command: Command): Command {
  return command
    .addOption(configOption())
    .addOption(new Option('--data <dir>', 'data folder; otherwise as the configuration says'))
    .addOption(portOption())
    .addOption(freshOption())
    .addOption(insecureOption());
}

/** What the options say, and else the configuration. */
export function localOptions(options: StartingOptions, config: Config): LocalOptions {
  const { data = config.data, port = config.basePort, fresh, insecure } = options;
  return {
    data,
    port,
    topology: config.topology,
    settings: processSettings(config.settings),
    fresh,
    insecure,
  };
}

export function portOption(): Option {
  return new Option(
    '--port <base>',
    `first of the ports that are used (default: as configured, or ${defaultBasePort})`,
  ).argParser(parseWhole(1_024, 65_400));
}

/** One-way delays between the regions of the default topology, in its order. */
export function delaysOption(): Option {
  const { delays } = defaultTopology;
  const pairs = Object.keys(delays).join(', ');
  return new Option(
    '--delays <ms>',
    `with --replicated and the default regions: one-way delays of ${pairs}`,
  ).argParser(parseDelays);
}

function parseDelays(text: string): Topology['delays'] {
  const values = text.split(',').map(Number);
  const [first = 0, second = 0, third = 0] = values;
  if (values.length !== 3 || values.some((value) => !(value >= 0 && value <= 1_000))) {
    throw new InvalidArgumentError('It must be three numbers of milliseconds, such as 30,70,110.');
  }
  return { 'eu-west~us-east': first, 'eu-west~ap-south': second, 'us-east~ap-south': third };
}

export function freshOption(): Option {
  return new Option('--fresh', 'delete the data of earlier runs first');
}

export function insecureOption(): Option {
  return new Option('--insecure', 'without TLS: whatever reaches a port can read and move money');
}

/** The line printed about a cluster that is starting or running; '' for none. */
export function describeEvent(event: ClusterEvent, sinceMs: number): string {
  if (event.kind === 'notice') return `  ${styledNote('yellow', 'note')}   ${event.text}`;
  if (event.kind !== 'process') {
    if (event.kind === 'migrated') return '';
    return `  ${styledNote('green', 'ready')}  ${styledNote('bold', event.region)}`;
  }
  if (event.state === 'ready') {
    const pid = event.pid === undefined ? '' : `pid ${event.pid}`;
    const seconds = `${(sinceMs / 1_000).toFixed(1)} s`;
    const name = event.name.padEnd(26);
    return `  ${styledNote('green', 'ready')}  ${name} ${pid.padEnd(12)} ${seconds}`;
  }
  if (event.state !== 'restarting' && event.state !== 'backing-off') return '';
  const when = event.state === 'restarting' ? 'starting it again' : 'starting it again, later';
  return `  ${styledNote('red', 'ended')}  ${event.name}: ${event.reason}; ${when}`;
}

/**
 * Starts the regions on this machine with a line for each process that becomes ready.
 * The caller must stop the cluster. Throws CommandFailure if it does not start.
 */
export async function startHere(
  options: LocalOptions,
  context: CommandContext,
  report: (line: string) => void = note,
): Promise<Cluster> {
  const { data, port, topology, settings, insecure } = options;
  report(`Starting ${sizeOf(topology)}, data in ${data}, ports from ${port}`);
  const { startCluster } = await import('../../supervisor/embedded/embedded-cluster.ts');
  const start = (how: StartOptions) => startCluster({ ...how, topology, settings, insecure });
  return startWith(start, options, context, report);
}

/** The same for the replicated profile; installs the packages it needs where it may. */
export async function startReplicatedHere(
  options: LocalOptions,
  context: CommandContext,
  report: (line: string) => void = note,
): Promise<ReplicatedCluster> {
  const { installPackages } = await import('../../supervisor/replicated/packages.ts');
  const { startReplicatedCluster } =
    await import('../../supervisor/replicated/replicated-cluster.ts');
  installPackages();
  const { data, port, topology, settings, insecure } = options;
  report(`Starting ${sizeOf(topology)} with their copies, data in ${data}, ports from ${port}`);
  const start = (how: StartOptions) =>
    startReplicatedCluster({ ...how, topology, settings, insecure });
  return startWith(start, options, context, report);
}

interface StartOptions {
  readonly dataDir: string;
  readonly basePort: number;
  readonly signal: AbortSignal;
  readonly onEvent: (event: ClusterEvent) => void;
}

async function startWith<Started extends { stop(): Promise<void> }>(
  start: (options: StartOptions) => Promise<Started>,
  { data, port, fresh, insecure }: LocalOptions,
  { signal }: CommandContext,
  report: (line: string) => void,
): Promise<Started> {
  if (insecure === true) {
    report(
      `  ${styledNote('yellow', 'note')}   nothing is encrypted or authenticated (--insecure)`,
    );
  }
  if (fresh) await removeData(data);
  const startedAt = performance.now();
  const onEvent = (event: ClusterEvent) => {
    // A process that ends because of the stop is not worth a line.
    if (signal.aborted) return;
    const line = describeEvent(event, performance.now() - startedAt);
    if (line !== '') report(line);
  };
  const cluster = await start({ dataDir: data, basePort: port, onEvent, signal });
  if (!signal.aborted) return cluster;
  await cluster.stop();
  throw interrupted();
}

/** Runs `work` with a cluster and stops it afterwards, whatever happens. */
export async function withClusterHere<T>(
  options: LocalOptions,
  context: CommandContext,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  return withStop(await startHere(options, context), work);
}

/** Runs `work` with something that runs, and stops it afterwards. */
export async function withStop<Running extends { stop(): Promise<void> }, T>(
  running: Running,
  work: (running: Running) => Promise<T>,
): Promise<T> {
  try {
    return await work(running);
  } finally {
    note('Stopping ...');
    await running.stop();
    note('Everything has stopped; the data stays.');
  }
}

export function interrupted(): CommandFailure {
  return new CommandFailure(ExitCode.interrupted, 'Stopped.');
}

/** Resolves when the command is asked to end. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
}

/** What the user reads of an installation that is ready. */
export interface Endpoints {
  readonly regions: readonly Pick<RegionState, 'name' | 'routerAddress'>[];
  readonly books: readonly Pick<BookEndpoints, 'name' | 'region' | 'auditorUrl'>[];
}

/** Where the regions are, one line for each. */
export function describeEndpoints({ regions, books }: Endpoints): string {
  const width = Math.max(9, ...regions.map(({ name }) => name.length));
  return regions
    .map(({ name, routerAddress }) => {
      const own = books
        .filter(({ region }) => region === name)
        .map((book) => {
          const { host, pathname } = new URL(book.auditorUrl);
          return `book ${book.name} at ${host}${pathname}`;
        });
      return `  ${name.padEnd(width)} router ${routerAddress}   ${own.join(', ')}`;
    })
    .join('\n');
}

/** Such as "3 regions", or "2 regions with 3 books". */
export function sizeOf({ regions, books }: Pick<Topology, 'regions' | 'books'>): string {
  const count = regions.length === 1 ? '1 region' : `${regions.length} regions`;
  return books.length === regions.length ? count : `${count} with ${books.length} books`;
}
