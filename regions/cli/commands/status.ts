import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';

import { auditorPassfile, psqlCommand, withoutPassword } from '../../topology/passfile.ts';
import type { ClusterState } from '../../topology/state.ts';
import type { LedgerFacts } from '../../operator/facts.ts';
import { alarmsOfCertificates, certificateLines } from './certificate-alarms.ts';
import { divergedLines } from './channel.ts';
import {
  type CommandContext,
  type ConnectionOptions,
  learnRouter,
  requireRouter,
  routerCommand,
  runningCluster,
} from '../connection.ts';
import { CommandFailure, ExitCode } from '../../terminal/failure.ts';
import {
  clearScreen,
  print,
  printJson,
  printRaw,
  styled,
  toJson,
  WATCH_MS,
} from '../../terminal/print.ts';
import { table } from '../../terminal/table.ts';

/** `meridian status` */
export function statusCommand(context: CommandContext): Command {
  return routerCommand('status', 'show what runs and whether it serves', [
    'status',
    'status --router 127.0.0.1:7400 --json',
    'status --watch',
  ])
    .option('--watch', 'again every second, until Ctrl-C; with --json each time on one line')
    .action(async (options: StatusOptions) => {
      if (options.router !== undefined) return showRouter(options.router, options);
      requireRouter(options);
      const state = runningCluster(options);
      // While it starts there is nothing yet that could be asked.
      const replicated = state.replicated !== undefined && state.status !== 'starting';
      if (!replicated) return showEmbedded(options, context);
      const { showReplicated } = await import('./replicated-status.ts');
      await showReplicated(options, context);
      if (!options.json && !options.watch) await printAuditors(state);
    });
}

interface StatusOptions extends ConnectionOptions {
  readonly watch?: boolean;
}

async function showRouter(router: string, options: StatusOptions): Promise<void> {
  const { json, watch } = options;
  if (watch) throw new CommandFailure(ExitCode.usage, 'give either --router or --watch, not both');
  await learnRouter(router, options);
  if (!(await serves(router))) {
    throw new CommandFailure(ExitCode.environment, `the router at ${router} does not serve`);
  }
  await (json ? printJson({ router, serving: true }) : print(`${router} serves.`));
}

async function showEmbedded(options: StatusOptions, context: CommandContext): Promise<void> {
  const { signal, exit } = context;
  if (!options.watch) return showCluster(runningCluster(options), options, context);
  while (!signal.aborted) {
    if (!options.json) clearScreen();
    await showCluster(runningCluster(options), options, context);
    await sleep(WATCH_MS, undefined, { signal }).catch(() => undefined);
  }
  // The command has succeeded, whatever state it has shown.
  exit(ExitCode.ok);
}

async function showCluster(
  state: ClusterState,
  { json, watch }: StatusOptions,
  { exit }: CommandContext,
): Promise<void> {
  const { Channels } = await import('../../operator/channel-repairs.ts');
  // A process may be ready by its supervisor's account and yet not answer at this moment.
  const answers = new Map<string, boolean>(
    await Promise.all(
      [
        ...state.regions.map(
          ({ name, routerAddress }) => [`${name}/router`, routerAddress] as const,
        ),
        ...state.books.map(({ process, ledgerAddress }) => [process, ledgerAddress] as const),
      ].map(async ([name, address]) => [name, await serves(address)] as const),
    ),
  );
  const facts = await ledgerFacts(state);
  const processes = state.processes.map((process) => ({
    ...process,
    serving: process.state === 'ready' && answers.get(process.name) !== false,
    clockAlarm: facts.get(process.name)?.clockAlarm ?? '',
    partitionAlarms: facts.get(process.name)?.partitionAlarms ?? [],
  }));
  const needsAttention = processes.some(({ partitionAlarms }) => partitionAlarms.length > 0);
  const channels = await new Channels(state).states();
  const { diverged } = channels;
  const certificateAlarms = await alarmsOfCertificates(state);
  const ready = state.status === 'ready' && processes.every((process) => process.serving);
  const serving = ready && diverged.length === 0;
  if (!serving || needsAttention || certificateAlarms.length > 0) exit(ExitCode.environment);
  if (json) {
    const { status, pid, startedAt, dataDir } = state;
    const places = describePlaces(state);
    const alarms = { diverged, certificateAlarms };
    const shown = { serving, status, pid, startedAt, dataDir, ...places, processes, ...alarms };
    await (watch ? printRaw(toJson(shown)) : printJson(shown));
    return;
  }
  const rows = processes.map(({ name, state: now, pid, starts, serving: ok }) => [
    name,
    ok ? styled('green', now) : styled('red', now === 'ready' ? 'not answering' : now),
    pid === undefined ? '' : String(pid),
    String(Math.max(0, starts - 1)),
    addressOf(state, name),
  ]);
  const right = { align: 'right' } as const;
  const columns = [
    { title: 'process' },
    { title: 'state' },
    { title: 'pid', ...right },
    { title: 'restarts', ...right },
    { title: 'address' },
  ];
  await print(`${state.status} since ${state.startedAt}, data in ${state.dataDir}`);
  await print(table(columns, rows));
  if (diverged.length > 0) await print(divergedLines(channels).join('\n'));
  for (const line of certificateLines(certificateAlarms)) await print(line);
  const { partitionLines } = await import('./replicated-status.ts');
  for (const { name, clockAlarm, partitionAlarms } of processes) {
    for (const line of partitionLines(bookAt(state, name), partitionAlarms)) await print(line);
    if (clockAlarm !== '') await print(styled('red', `Clock of ${name}: ${clockAlarm}.`));
  }
  if (!watch) await printAuditors(state);
}

/** The part of the JSON that states what is where; passwords are left out. */
function describePlaces({ dataDir, regions, books }: ClusterState) {
  const passfile = auditorPassfile(dataDir);
  return {
    // The book is the first of the region, by number; `books` has them all.
    regions: regions.map(({ name, book, bookName, routerAddress, ledgerAddress, auditorUrl }) => ({
      name,
      book,
      bookName,
      routerAddress,
      ledgerAddress,
      auditorUrl: withoutPassword(auditorUrl),
      auditorPassfile: passfile,
    })),
    // Only the auditors' connections to the databases, which can change nothing.
    books: books.map(({ number, name, region, process, ledgerAddress, auditorUrl }) => ({
      number,
      name,
      region,
      process,
      ledgerAddress,
      auditorUrl: withoutPassword(auditorUrl),
      auditorPassfile: passfile,
    })),
  };
}

/** What each ledger server reports, by the name of its process; one that does not answer is left out. */
async function ledgerFacts(state: ClusterState): Promise<Map<string, LedgerFacts>> {
  const { askLedger } = await import('../../operator/ask-ledger.ts');
  const found = new Map<string, LedgerFacts>();
  await Promise.all(
    state.books.map(async ({ process, ledgerAddress }) => {
      const facts = await askLedger(ledgerAddress).catch(() => undefined);
      if (facts !== undefined) found.set(process, facts);
    }),
  );
  return found;
}

const bookAt = ({ books }: ClusterState, process: string): string =>
  books.find((book) => book.process === process)?.name ?? process;

/** How auditors reach the books; of a replicated one the copy in its home region. */
async function printAuditors({ dataDir, books }: ClusterState): Promise<void> {
  await print('\nFor auditors, who can only read:');
  for (const { auditorUrl } of books) await print(`  ${psqlCommand(dataDir, auditorUrl)}`);
}

function addressOf({ regions, books }: ClusterState, name: string): string {
  const book = books.find(({ process }) => process === name);
  if (book !== undefined) return book.ledgerAddress;
  const [regionName, role] = name.split('/');
  const region = regions.find((candidate) => candidate.name === regionName);
  if (!region) return '';
  if (role === 'router') return region.routerAddress;
  if (role === 'postgres') return new URL(region.auditorUrl).host;
  return region.redisUrl === undefined ? '' : new URL(region.redisUrl).host;
}

async function serves(address: string): Promise<boolean> {
  const { probeHealth } = await import('../../processes/probes.ts');
  return probeHealth(address).catch(() => false);
}
