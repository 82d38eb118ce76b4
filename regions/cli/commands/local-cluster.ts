import { InvalidArgumentError, Option } from 'commander';

import type { Cluster, ClusterEvent } from '../../supervisor/embedded/embedded-cluster.ts';
import { defaultBasePort } from '../../topology/layout.ts';
import { type RegionState, removeData } from '../../topology/state.ts';
import type { ReplicatedCluster } from '../../supervisor/replicated/replicated-cluster.ts';
import { defaultTopology, type Topology } from '../../topology/topology.ts';
import { type CommandContext, parseWhole } from '../connection.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import { note, styledNote } from '../../terminal/print.ts';

export interface LocalOptions {
  readonly data: string;
  readonly port: number;
  readonly fresh?: boolean;
}

export function portOption(): Option {
  return new Option('--port <base>', 'first of the ports that are used')
    .default(defaultBasePort)
    .argParser(parseWhole(1_024, 65_400));
}

/** One-way delays between the regions of the default topology, in its order. */
export function delaysOption(): Option {
  const { delays } = defaultTopology;
  const pairs = Object.keys(delays).join(', ');
  return new Option('--delays <ms>', `with --replicated: one-way delays of ${pairs}`)
    .default(delays, Object.values(delays).join(','))
    .argParser(parseDelays);
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
  report(`Starting three regions, data in ${options.data}, ports from ${options.port}`);
  const { startCluster } = await import('../../supervisor/embedded/embedded-cluster.ts');
  return startWith(startCluster, options, context, report);
}

/** The same for the replicated profile; installs the packages it needs where it may. */
export async function startReplicatedHere(
  options: LocalOptions & { readonly topology: Topology },
  context: CommandContext,
  report: (line: string) => void = note,
): Promise<ReplicatedCluster> {
  const { installPackages } = await import('../../supervisor/replicated/packages.ts');
  const { startReplicatedCluster } =
    await import('../../supervisor/replicated/replicated-cluster.ts');
  installPackages();
  const { data, port, topology } = options;
  const count = `${topology.regions.length} regions`;
  report(`Starting ${count} with copies of every book, data in ${data}, ports from ${port}`);
  const start = (how: StartOptions) => startReplicatedCluster({ ...how, topology });
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
  { data, port, fresh }: LocalOptions,
  { signal }: CommandContext,
  report: (line: string) => void,
): Promise<Started> {
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

/** Where the regions are, one line for each. */
export function describeEndpoints(regions: readonly RegionState[]): string {
  return regions
    .map(({ name, routerAddress, bookName, auditorUrl }) => {
      const { host, pathname } = new URL(auditorUrl);
      return `  ${name.padEnd(9)} router ${routerAddress}   book ${bookName} at ${host}${pathname}`;
    })
    .join('\n');
}
