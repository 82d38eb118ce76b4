import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

import { type Command, Option } from 'commander';

import { checkout } from '../../topology/layout.ts';
import type { RegionState } from '../../topology/state.ts';
import { defaultTopology, type Topology } from '../../topology/topology.ts';
import { type CommandContext, dataOption, newCommand } from '../connection.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import {
  delaysOption,
  describeEndpoints,
  freshOption,
  interrupted,
  type LocalOptions,
  portOption,
  startHere,
  startReplicatedHere,
  untilAborted,
  withStop,
} from './local-cluster.ts';
import { note, print, printJson } from '../../terminal/print.ts';

interface UpOptions extends LocalOptions {
  readonly json?: boolean;
  readonly detach?: boolean;
  readonly replicated?: boolean;
  readonly delays: Topology['delays'];
  readonly reportToParent?: boolean;
}

/** What the detached process reports to the one that waits for it. */
type Report =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'ready'; readonly regions: readonly RegionState[] }
  | { readonly kind: 'failed'; readonly text: string };

/** `meridian up` */
export function upCommand(context: CommandContext): Command {
  return newCommand('up', 'start the three regions on this machine, without any payments', [
    'up',
    'up --detach --data ./ledger-data --port 7500',
    'up --replicated --fresh',
  ])
    .addOption(dataOption())
    .addOption(portOption())
    .addOption(freshOption())
    .option('--replicated', 'keep a copy of every book in every region (Linux; Patroni and etcd)')
    .addOption(delaysOption())
    .option('--detach', 'return once they are ready; "meridian down" stops them')
    .addOption(new Option('--report-to-parent').hideHelp())
    .action((options: UpOptions) => {
      if (options.reportToParent) return serveDetached(options, context);
      return options.detach ? detach(options, context) : serve(options, context);
    });
}

async function serve(options: UpOptions, context: CommandContext): Promise<void> {
  const running = await start(options, context);
  await withStop(running, async ({ dataDir, regions }) => {
    await printReady(options, dataDir, regions);
    note('\nCtrl-C stops everything.');
    await untilAborted(context.signal);
  });
}

interface Running {
  readonly dataDir: string;
  readonly regions: readonly RegionState[];
  stop(): Promise<void>;
}

async function start(
  options: UpOptions,
  context: CommandContext,
  report?: (line: string) => void,
): Promise<Running> {
  if (!options.replicated) return startHere(options, context, report);
  const topology = { ...defaultTopology, delays: options.delays };
  const cluster = await startReplicatedHere({ ...options, topology }, context, report);
  const { dataDir, regions } = cluster.state();
  return { dataDir, regions, stop: () => cluster.stop() };
}

async function printReady(
  { json }: UpOptions,
  dataDir: string,
  regions: readonly RegionState[],
): Promise<void> {
  if (json) {
    const shown = regions.map(({ name, book, bookName, routerAddress, ledgerAddress }) => ({
      name,
      book,
      bookName,
      routerAddress,
      ledgerAddress,
    }));
    await printJson({ dataDir, regions: shown });
  } else {
    await print(`\nThree regions are up:\n${describeEndpoints(regions)}`);
  }
}

/** Starts this command again in the background and waits until it is ready or has failed. */
async function detach(options: UpOptions, { signal }: CommandContext): Promise<void> {
  const main = join(checkout, 'regions', 'meridian.mjs');
  const args = ['up', '--report-to-parent', '--data', options.data, '--port', String(options.port)];
  if (options.fresh) args.push('--fresh');
  if (options.replicated) {
    args.push('--replicated', '--delays', Object.values(options.delays).join(','));
  }
  const child = spawn(process.execPath, [...process.execArgv, main, ...args], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const regions = await untilReady(child, signal);
  signal.removeEventListener('abort', stop);
  child.disconnect();
  child.unref();
  await printReady(options, options.data, regions);
  note('\n"meridian down" stops them.');
}

function untilReady(child: ChildProcess, signal: AbortSignal): Promise<readonly RegionState[]> {
  return new Promise((resolve, reject) => {
    child.on('message', (report: Report) => {
      if (report.kind === 'line') note(report.text);
      else if (report.kind === 'ready') resolve(report.regions);
      else if (signal.aborted) reject(interrupted());
      else reject(new CommandFailure(ExitCode.environment, report.text));
    });
    child.on('error', reject);
    child.on('exit', (code, killedBy) => {
      const how = killedBy ?? `exit code ${code}`;
      const text = `the background process ended before it was ready (${how})`;
      reject(signal.aborted ? interrupted() : new CommandFailure(ExitCode.environment, text));
    });
  });
}

function notifyParent(message: Report): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected && process.send) process.send(message, () => resolve());
    else resolve();
  });
}

/** The background process: it reports while its parent listens and serves until SIGTERM. */
async function serveDetached(options: UpOptions, context: CommandContext): Promise<void> {
  const report = (text: string) => void notifyParent({ kind: 'line', text });
  const cluster = await start(options, context, report).catch(async (error: unknown) => {
    await notifyParent({
      kind: 'failed',
      text: error instanceof Error ? error.message : String(error),
    });
    throw error;
  });
  await notifyParent({ kind: 'ready', regions: cluster.regions });
  if (process.connected) process.disconnect();
  await untilAborted(context.signal);
  await cluster.stop();
}
