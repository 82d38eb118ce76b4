import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

import { type Command, Option } from 'commander';

import { checkout } from '../../topology/layout.ts';
import type { BookEndpoints, RegionState } from '../../topology/state.ts';
import { defaultTopology, type Topology } from '../../topology/topology.ts';
import { configOf } from '../config-option.ts';
import { type CommandContext, newCommand } from '../connection.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import {
  delaysOption,
  describeEndpoints,
  interrupted,
  type LocalOptions,
  localOptions,
  sizeOf,
  type StartingOptions,
  startHere,
  startReplicatedHere,
  untilAborted,
  withStartingOptions,
  withStop,
} from './local-cluster.ts';
import { note, print, printJson } from '../../terminal/print.ts';

interface UpOptions extends StartingOptions {
  readonly json?: boolean;
  readonly detach?: boolean;
  readonly replicated?: boolean;
  readonly delays?: Topology['delays'];
  readonly reportToParent?: boolean;
}

/** The same with what the configuration adds to it. */
interface Start extends LocalOptions {
  /** The file that counts, if any. */
  readonly file: string | undefined;
  readonly replicated: boolean;
  /** As given with --delays. */
  readonly delays: Topology['delays'] | undefined;
  readonly json: boolean;
}

/** An installation that is ready. */
interface Ready {
  readonly regions: readonly RegionState[];
  readonly books: readonly BookEndpoints[];
}

/** What the detached process reports to the one that waits for it. */
type Report =
  | { readonly kind: 'line'; readonly text: string }
  | ({ readonly kind: 'ready' } & Ready)
  | { readonly kind: 'failed'; readonly text: string };

/** `meridian up` */
export function upCommand(context: CommandContext): Command {
  const description = 'start the regions on this machine, without any payments';
  const examples = [
    'up',
    'up --detach --data ./ledger-data --port 7500',
    'up --config ./five-regions.yaml',
    'up --replicated --fresh',
  ];
  return withStartingOptions(newCommand('up', description, examples))
    .option('--replicated', 'keep copies of every book in other regions (Linux; Patroni and etcd)')
    .addOption(delaysOption())
    .option('--detach', 'return once they are ready; "meridian down" stops them')
    .addOption(new Option('--report-to-parent').hideHelp())
    .action(async (options: UpOptions) => {
      const wanted = await startOf(options);
      if (options.reportToParent) return serveDetached(wanted, context);
      return options.detach ? detach(wanted, context) : serve(wanted, context);
    });
}

async function startOf(options: UpOptions): Promise<Start> {
  const config = await configOf(options, options.replicated ? { profile: 'replicated' } : {});
  const local = localOptions(options, config);
  const topology = withDelays(local.topology, options.delays);
  const replicated = config.profile === 'replicated';
  const { file } = config;
  const { delays, json = false } = options;
  return { ...local, topology, file, replicated, delays, json };
}

/** Throws CommandFailure (usage) when the delays are those of other regions. */
function withDelays(topology: Topology, delays: Topology['delays'] | undefined): Topology {
  if (delays === undefined) return topology;
  const { regions } = defaultTopology;
  if (regions.every((region, index) => topology.regions[index] === region)) {
    return { ...topology, delays: { ...topology.delays, ...delays } };
  }
  const message = `--delays is for ${regions.join(', ')}; the configuration has other regions`;
  throw new CommandFailure(ExitCode.usage, message);
}

async function serve(wanted: Start, context: CommandContext): Promise<void> {
  const running = await start(wanted, context);
  await withStop(running, async ({ dataDir, ...ready }) => {
    await printReady(wanted, dataDir, ready);
    note('\nCtrl-C stops everything.');
    await untilAborted(context.signal);
  });
}

interface Running extends Ready {
  readonly dataDir: string;
  stop(): Promise<void>;
}

async function start(
  wanted: Start,
  context: CommandContext,
  report?: (line: string) => void,
): Promise<Running> {
  if (!wanted.replicated) return startHere(wanted, context, report);
  const cluster = await startReplicatedHere(wanted, context, report);
  const { dataDir, regions, books } = cluster.state();
  return { dataDir, regions, books, stop: () => cluster.stop() };
}

async function printReady(
  { json, topology }: Start,
  dataDir: string,
  { regions, books }: Ready,
): Promise<void> {
  if (json) {
    // The book of a region is its first one, by number; `books` has them all.
    const shown = regions.map(({ name, book, bookName, routerAddress, ledgerAddress }) => ({
      name,
      book,
      bookName,
      routerAddress,
      ledgerAddress,
    }));
    const named = books.map(({ number, name, region, ledgerAddress }) => ({
      number,
      name,
      region,
      ledgerAddress,
    }));
    await printJson({ dataDir, regions: shown, books: named });
  } else {
    const verb = topology.regions.length === 1 ? 'is' : 'are';
    await print(`\n${sizeOf(topology)} ${verb} up:\n${describeEndpoints({ regions, books })}`);
  }
}

/** Starts this command again in the background and waits until it is ready or has failed. */
async function detach(wanted: Start, { signal }: CommandContext): Promise<void> {
  const main = join(checkout, 'regions', 'meridian.mjs');
  const { data, port, file, delays } = wanted;
  const args = ['up', '--report-to-parent', '--data', data, '--port', String(port)];
  if (file !== undefined) args.push('--config', file);
  if (wanted.fresh) args.push('--fresh');
  if (wanted.insecure) args.push('--insecure');
  if (wanted.replicated) args.push('--replicated');
  if (delays !== undefined) args.push('--delays', Object.values(delays).join(','));
  const child = spawn(process.execPath, [...process.execArgv, main, ...args], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const ready = await untilReady(child, signal);
  signal.removeEventListener('abort', stop);
  child.disconnect();
  child.unref();
  await printReady(wanted, data, ready);
  note('\n"meridian down" stops them.');
}

function untilReady(child: ChildProcess, signal: AbortSignal): Promise<Ready> {
  return new Promise((resolve, reject) => {
    child.on('message', (report: Report) => {
      if (report.kind === 'line') note(report.text);
      else if (report.kind === 'ready') resolve(report);
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
async function serveDetached(wanted: Start, context: CommandContext): Promise<void> {
  const report = (text: string) => void notifyParent({ kind: 'line', text });
  const cluster = await start(wanted, context, report).catch(async (error: unknown) => {
    await notifyParent({
      kind: 'failed',
      text: error instanceof Error ? error.message : String(error),
    });
    throw error;
  });
  await notifyParent({ kind: 'ready', regions: cluster.regions, books: cluster.books });
  if (process.connected) process.disconnect();
  await untilAborted(context.signal);
  await cluster.stop();
}
