import { Option } from 'commander';

import { type Cluster, type ClusterEvent, startCluster } from '../local/cluster.ts';
import { defaultBasePort } from '../local/layout.ts';
import { type RegionState, removeData } from '../local/state.ts';
import { type CommandContext, parseWhole } from './connection.ts';
import { CommandFailure, ExitCode } from './failure.ts';
import { note, styledNote } from './print.ts';

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

export function freshOption(): Option {
  return new Option('--fresh', 'delete the data of earlier runs first');
}

/** What a user is told about a cluster that is coming up or running; '' for nothing. */
export function describeEvent(event: ClusterEvent, sinceMs: number): string {
  if (event.kind === 'notice') return `  ${styledNote('yellow', 'note')}   ${event.text}`;
  if (event.kind !== 'process') {
    if (event.kind === 'migrated') return '';
    return `  ${styledNote('green', 'ready')}  ${styledNote('bold', event.region)}`;
  }
  if (event.state === 'ready') {
    const pid = event.pid === undefined ? '' : `pid ${event.pid}`;
    const seconds = `${(sinceMs / 1_000).toFixed(1)} s`;
    const name = event.name.padEnd(18);
    return `  ${styledNote('green', 'ready')}  ${name} ${pid.padEnd(12)} ${seconds}`;
  }
  if (event.state !== 'restarting') return '';
  return `  ${styledNote('red', 'ended')}  ${event.name}: ${event.reason}; starting it again`;
}

/**
 * Starts the regions on this machine with a line for each process that becomes ready.
 * Whoever calls it must stop the cluster. Throws CommandFailure when it does not come up.
 */
export async function startHere(
  { data, port, fresh }: LocalOptions,
  { signal }: CommandContext,
  tell: (line: string) => void = note,
): Promise<Cluster> {
  if (fresh) await removeData(data);
  const startedAt = performance.now();
  const onEvent = (event: ClusterEvent) => {
    // What ends because it was told to is no news.
    if (signal.aborted) return;
    const line = describeEvent(event, performance.now() - startedAt);
    if (line !== '') tell(line);
  };
  tell(`Starting three regions, data in ${data}, ports from ${port}`);
  const cluster = await startCluster({ dataDir: data, basePort: port, onEvent });
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
  const cluster = await startHere(options, context);
  try {
    return await work(cluster);
  } finally {
    note('Stopping ...');
    await cluster.stop();
    note('Everything has stopped; the data stays.');
  }
}

export function interrupted(): CommandFailure {
  return new CommandFailure(ExitCode.interrupted, 'stopped');
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
