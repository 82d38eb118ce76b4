import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { childEnvironment } from '../../regions/processes/environment.ts';
import { type ClusterState, readState } from '../../regions/topology/state.ts';
import type { TestedCluster } from './tested-cluster.ts';

const START_MS_MAX = 120_000;
const POLL_MS = 50;

const packageFile = z.object({ bin: z.object({ meridian: z.string() }) });

export interface OtherCheckout {
  /** Folder of the checkout, with its packages installed. */
  readonly checkout: string;
  /** Where it is started: a folder without a configuration file. */
  readonly cwd: string;
  readonly dataDir: string;
  readonly basePort: number;
  readonly insecure: boolean;
  readonly signal: AbortSignal;
}

/**
 * Starts the three regions of another checkout by its own command, `meridian up`, as an operator
 * would: this, cluster.json and the public API are all that this checkout needs to have in common
 * with it.
 *
 * @throws Error if they do not come up, with what the command printed
 */
export async function startOtherCheckout(options: OtherCheckout): Promise<TestedCluster> {
  const { dataDir, signal } = options;
  signal.throwIfAborted();
  const child = spawnUp(options);
  const printed = text(child.stderr);
  let reason = '';
  child.once('error', (error) => (reason = error.message));
  const stop = () => stopSupervisor(child);
  try {
    const until = performance.now() + START_MS_MAX;
    let state = readState(dataDir);
    while (state?.status !== 'ready') {
      signal.throwIfAborted();
      if (reason !== '' || child.exitCode !== null || child.signalCode !== null) {
        throw new Error(
          `the servers of ${options.checkout} did not start: ${reason}${await printed}`,
        );
      }
      if (performance.now() > until) throw new Error(`the servers of ${options.checkout} are late`);
      await sleep(POLL_MS);
      state = readState(dataDir);
    }
    return describe(state, dataDir, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @throws Error if there is no checkout */
function commandOf(checkout: string): string {
  try {
    const file: unknown = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'));
    return join(checkout, packageFile.parse(file).bin.meridian);
  } catch (error) {
    throw new Error(`there is no checkout of Meridian in ${checkout}`, { cause: error });
  }
}

function spawnUp({ checkout, cwd, dataDir, basePort, insecure }: OtherCheckout) {
  const flags = ['--disable-warning=ExperimentalWarning', commandOf(resolve(checkout))];
  const args = ['up', '--data', dataDir, '--port', String(basePort)];
  if (insecure) args.push('--insecure');
  const child = spawn(process.execPath, [...flags, ...args], {
    cwd,
    env: childEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
    // Ctrl-C in the terminal is for the benchmark, which then stops it in order.
    detached: true,
  });
  const kill = () => child.kill('SIGTERM');
  process.once('exit', kill);
  child.once('exit', () => process.removeListener('exit', kill));
  return child;
}

async function stopSupervisor(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

function describe(first: ClusterState, dataDir: string, stop: () => Promise<void>): TestedCluster {
  // A process that was started again has another pid then.
  const processes = () => (readState(dataDir) ?? first).processes;
  const find = (name: string) => processes().find((process) => process.name === name);
  return {
    dataDir: first.dataDir,
    regions: first.regions,
    books: first.books,
    processes: {
      names: () => processes().map(({ name }) => name),
      pid: (name) => find(name)?.pid,
      starts: (name) => find(name)?.starts ?? 0,
    },
    stop,
  };
}
