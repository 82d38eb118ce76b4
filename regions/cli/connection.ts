import { Command, InvalidArgumentError, Option } from 'commander';

import type { MeridianClient } from '../../router/client/client.ts';
import { environment } from '../processes/environment.ts';
import { defaultDataDir } from '../topology/layout.ts';
import { type ClusterState, readState } from '../topology/state.ts';
import { defaultTopology } from '../topology/topology.ts';
import { CommandFailure, ExitCode } from '../terminal/failure.ts';
import { note } from '../terminal/print.ts';

/** What every command is given by the program. */
export interface CommandContext {
  /** Aborted by Ctrl-C and by SIGTERM. */
  readonly signal: AbortSignal;
  /** Sets the exit code of a command that ends without an error. */
  readonly exit: (code: ExitCode) => void;
}

/** Options of every command that calls a router. */
export interface ConnectionOptions {
  readonly router?: string;
  readonly data: string;
  readonly timeout: number;
  readonly insecure?: boolean;
  readonly json?: boolean;
}

/** A command with a description, an example and `--json`. */
export function newCommand(
  name: string,
  description: string,
  examples: readonly string[],
): Command {
  const title = examples.length > 1 ? 'Examples' : 'Example';
  const lines = examples.map((example) => `  $ meridian ${example}`);
  return new Command(name)
    .description(description)
    .addHelpText('after', `\n${title}:\n${lines.join('\n')}`)
    .addOption(
      new Option('--json', 'print the result as JSON, and nothing else, to stdout').conflicts(
        'csv',
      ),
    );
}

/** The option for the data folder of a cluster on this machine. */
export function dataOption(): Option {
  return new Option('--data <dir>', 'data folder of the cluster on this machine').default(
    defaultDataDir(),
  );
}

/** A command that calls a router: `--router`, or else the cluster in `--data`. */
export function routerCommand(
  name: string,
  description: string,
  examples: readonly string[],
  timeoutSeconds = 10,
): Command {
  return newCommand(name, description, examples)
    .addOption(
      new Option('--router <host:port>', 'router to ask, instead of the cluster on this machine')
        .env('MERIDIAN_ROUTER')
        .argParser(parseAddress),
    )
    .option('--insecure', 'call the router of --router without TLS')
    .addOption(dataOption())
    .addOption(
      new Option('--timeout <seconds>', 'give up after this long')
        .default(timeoutSeconds)
        .argParser(parseSeconds),
    );
}

/**
 * Learns how a router that is named with --router is reached: as one of the cluster on this machine,
 * with the files that MERIDIAN_TLS_CERTIFICATE, MERIDIAN_TLS_KEY and MERIDIAN_TLS_AUTHORITIES name, or
 * without TLS if --insecure is given.
 * Throws CommandFailure: usage if it is none of these, environment if the files are not valid.
 */
export async function learnRouter(
  router: string,
  { data, insecure }: { readonly data: string; readonly insecure?: boolean },
): Promise<void> {
  // Notes the servers of the cluster; which folder it is in does not matter here.
  readState(data);
  const { isNoted, noteInsecure } = await import('../links/secured-addresses.ts');
  if (isNoted(router)) return;
  if (insecure === true) return noteInsecure([router]);
  const env = environment();
  const certificate = env['MERIDIAN_TLS_CERTIFICATE'];
  const authorities = env['MERIDIAN_TLS_AUTHORITIES'];
  if (certificate === undefined || authorities === undefined) {
    throw new CommandFailure(
      ExitCode.usage,
      `${router} is not a router of the cluster in ${data}: name a certificate and its authorities in ` +
        'MERIDIAN_TLS_CERTIFICATE and MERIDIAN_TLS_AUTHORITIES, or give --insecure to call it without TLS',
    );
  }
  const { useFiles } = await import('../links/known-links.ts');
  try {
    useFiles(router, { certificate, key: env['MERIDIAN_TLS_KEY'] ?? certificate, authorities });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(ExitCode.environment, `no valid certificate for ${router}: ${why}`);
  }
}

/** Clients to use, and what is known of the regions. */
export interface Connection {
  /** A client that prefers the router of this region; any client for a region not known. */
  readonly clientFor: (region: string) => MeridianClient;
  readonly client: MeridianClient;
  /** Undefined: only a router is known. */
  readonly regions: readonly string[] | undefined;
}

/**
 * Runs `work` with clients of the routers that the options name, and closes them after.
 * Throws CommandFailure (environment) when no router is given and none runs here.
 */
export async function withConnection<T>(
  options: ConnectionOptions,
  { signal }: CommandContext,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const { MeridianClient: Client } = await import('../../router/client/client.ts');
  const { routerChannel } = await import('../links/known-links.ts');
  if (options.router !== undefined) await learnRouter(options.router, options);
  else requireRouter(options);
  const seconds = options.timeout;
  const onRetry = retryNotes();
  const limits = { timeoutMs: seconds * 1_000, signal, onRetry, channelTo: routerChannel };
  const routers = options.router === undefined ? routersOf(startedCluster(options)) : undefined;
  const clients = new Map(
    routers?.map(({ name }, index) => {
      const order = [...routers.slice(index), ...routers.slice(0, index)];
      return [
        name,
        new Client(
          order.map(({ address }) => address),
          limits,
        ),
      ] as const;
    }),
  );
  const [first] = clients.values();
  const client = first ?? new Client([options.router ?? ''], limits);
  try {
    return await work({
      client,
      clientFor: (region) => clients.get(region) ?? client,
      regions: routers?.map(({ name }) => name),
    });
  } finally {
    for (const each of [client, ...clients.values()]) each.close();
  }
}

/** The regions to list things of: those that run here, or those that Meridian has by default. */
export function regionsOf(connection: Connection): readonly string[] {
  return connection.regions ?? defaultTopology.regions;
}

/** Throws CommandFailure (usage) for --insecure without the router that it is about. */
export function requireRouter({ insecure }: Pick<ConnectionOptions, 'insecure'>): void {
  if (insecure !== true) return;
  throw new CommandFailure(ExitCode.usage, '--insecure is about a router: give --router as well');
}

/** The cluster in the data folder. Throws CommandFailure (environment) if none runs. */
export function runningCluster({ data }: { readonly data: string }): ClusterState {
  const state = readState(data);
  if (state) return state;
  throw new CommandFailure(
    ExitCode.environment,
    `Meridian is not running with the data in ${data}; start it with "meridian up", ` +
      'or name a router with --router HOST:PORT',
  );
}

/** The same once its regions are known. Throws CommandFailure (environment) before. */
export function startedCluster(options: { readonly data: string }): ClusterState {
  const state = runningCluster(options);
  if (state.regions.length > 0) return state;
  throw new CommandFailure(ExitCode.environment, 'Meridian is still starting; try again soon');
}

function routersOf({ regions }: ClusterState): { name: string; address: string }[] {
  return regions.map(({ name, routerAddress }) => ({ name, address: routerAddress }));
}

/** Notes that a call is being repeated, at most once every few seconds. */
function retryNotes(): (error: Error) => void {
  let notedAt = 0;
  return (error) => {
    if (performance.now() - notedAt < 3_000) return;
    // The first repeats usually succeed before a user would want to know.
    if (notedAt !== 0) note(`${error.message}; trying again`);
    notedAt = performance.now();
  };
}

function parseAddress(text: string): string {
  const port = Number(/^[^\s:]+:(\d{1,5})$/u.exec(text)?.[1]);
  if (port >= 1 && port <= 65_535) return text;
  throw new InvalidArgumentError('It must be HOST:PORT.');
}

/**
 * The URL of a database. Throws CommandFailure (usage), which does not quote it: there may be a
 * password in it.
 */
export function parseDatabaseUrl(text: string): string {
  if (/^postgres(ql)?:\/\/.+\/.+/u.test(text) && URL.canParse(text)) return text;
  throw new CommandFailure(
    ExitCode.usage,
    '--database: it must be postgres://USER@HOST:PORT/DATABASE',
  );
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= 86_400) return seconds;
  throw new InvalidArgumentError('It must be a number of seconds, at most a day.');
}

/** A whole number of minor units. Throws InvalidArgumentError unless it fits 64 bits. */
export function parseMinor(text: string): bigint {
  if (/^-?\d{1,19}$/u.test(text)) {
    const value = BigInt(text);
    if (BigInt.asIntN(64, value) === value) return value;
  }
  throw new InvalidArgumentError('It must be a whole number of minor units, such as 1250.');
}

/** A limit of a balance, or "none". */
export type Limit = bigint | 'none';

export function parseLimit(text: string): Limit {
  return text === 'none' ? text : parseMinor(text);
}

/** NAME=VALUE pairs, gathered over repeated options; a name given twice would lose a value. */
export function parsePair(
  text: string,
  before: Record<string, string> = {},
): Record<string, string> {
  const [, name, value] = /^([^=]+)=(.*)$/su.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError('It must be NAME=VALUE.');
  }
  if (Object.hasOwn(before, name)) {
    throw new InvalidArgumentError(`"${name}" has a value already.`);
  }
  return { ...before, [name]: value };
}

/** A whole number from `min` to `max`. */
export function parseWhole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/u.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}
