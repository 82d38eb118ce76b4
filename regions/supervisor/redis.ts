import { mkdirSync } from 'node:fs';
import { childEnvironment, findProgram } from '../processes/environment.ts';
import { probeRedis } from '../processes/probes.ts';
import { SupervisedProcess, type ProcessSpec } from '../processes/supervised-process.ts';

/** One Redis as an accelerator: nothing is kept on disk, and it may forget anything. */

export interface RedisOptions {
  /** For example eu-west/redis. */
  readonly name: string;
  readonly directory: string;
  /** The address to listen on, default 127.0.0.1. */
  readonly host?: string;
  readonly port: number;
  readonly password: string;
  readonly logFile: string;
  readonly pidFile: string;
  readonly stage?: number;
  /** Default 256. */
  readonly memoryMib?: number | undefined;
  readonly logBytes?: number | undefined;
  readonly onState?: ProcessSpec['onState'];
}

export interface RedisServer {
  readonly process: SupervisedProcess;
  readonly url: string;
}

/** True when a redis-server is installed. */
export function hasRedis(): boolean {
  return findProgram('redis-server') !== undefined;
}

/**
 * The process to supervise, not started yet, so that it can be stopped while it starts; undefined
 * when no redis-server is installed.
 */
export function describeRedis(options: RedisOptions): RedisServer | undefined {
  const program = findProgram('redis-server');
  if (program === undefined) return undefined;
  mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  const host = options.host ?? '127.0.0.1';
  const url = `redis://:${encodeURIComponent(options.password)}@${host}:${options.port}`;
  const settings = [
    `port ${options.port}`,
    `bind ${host}`,
    `dir ${JSON.stringify(options.directory)}`,
    // Other users of the machine must not be able to plant answers.
    `requirepass ${JSON.stringify(options.password)}`,
    'daemonize no',
    'appendonly no',
    'save ""',
    `maxmemory ${options.memoryMib ?? 256}mb`,
    'maxmemory-policy allkeys-lru',
    '',
  ];
  const process = new SupervisedProcess({
    name: options.name,
    command: program,
    // The settings come on the standard input: arguments can be read by every user.
    args: ['-'],
    stdin: settings.join('\n'),
    env: childEnvironment(),
    cwd: options.directory,
    logFile: options.logFile,
    pidFile: options.pidFile,
    logBytes: options.logBytes,
    stage: options.stage ?? 3,
    stopSignal: 'SIGTERM',
    graceMs: 5_000,
    readyTimeoutMs: 30_000,
    probe: () => probeRedis(url),
    ...(options.onState === undefined ? {} : { onState: options.onState }),
  });
  return { process, url };
}

/** Starts a Redis and keeps it running; undefined when no redis-server is installed. */
export async function startRedis(options: RedisOptions): Promise<RedisServer | undefined> {
  const server = describeRedis(options);
  await server?.process.start();
  return server;
}
