import { Command, CommanderError } from 'commander';

import type { ChangeKind } from '../operator/changes/all.ts';
import { takeDataFromConfig } from './config-option.ts';
import type { CommandContext } from './connection.ts';
import { ownVersion, versionAndCommit } from '../processes/release.ts';
import { ExitCode } from '../terminal/failure.ts';
import { endQuietlyWhenPipeCloses, note, restoreTerminal } from '../terminal/print.ts';

type Load = (context: CommandContext) => Promise<Command>;

/** The command of a change, as the operator's table of changes describes it. */
const change =
  (kind: ChangeKind): Load =>
  async (context) =>
    (await import('./commands/change.ts')).changeCommand(kind, context);

/**
 * The commands by name, in the order of `--help`. Loading the code of all takes longer than most of
 * them take to run, so each is loaded when it is called.
 */
export const commands = {
  start: async (context) => (await import('./commands/start.ts')).startCommand(context),
  up: async (context) => (await import('./commands/up.ts')).upCommand(context),
  down: async (context) => (await import('./commands/down.ts')).downCommand(context),
  status: async (context) => (await import('./commands/status.ts')).statusCommand(context),
  config: async (context) => (await import('./commands/config.ts')).configCommand(context),
  policy: async (context) => (await import('./commands/policy.ts')).policyCommand(context),
  pki: async (context) => (await import('./commands/pki.ts')).pkiCommand(context),
  account: async (context) => (await import('./commands/account.ts')).accountCommand(context),
  accounts: async (context) => (await import('./commands/accounts.ts')).accountsCommand(context),
  asset: async (context) => (await import('./commands/asset.ts')).assetCommand(context),
  transfer: async (context) => (await import('./commands/transfer.ts')).transferCommand(context),
  hold: async (context) => (await import('./commands/hold.ts')).holdCommand(context),
  reverse: async (context) => (await import('./commands/reverse.ts')).reverseCommand(context),
  group: async (context) => (await import('./commands/group.ts')).groupCommand(context),
  transfers: async (context) => (await import('./commands/transfers.ts')).transfersCommand(context),
  statement: async (context) => (await import('./commands/statement.ts')).statementCommand(context),
  events: async (context) => (await import('./commands/events.ts')).eventsCommand(context),
  replay: async (context) => (await import('./commands/replay.ts')).replayCommand(context),
  audit: async (context) => (await import('./commands/audit.ts')).auditCommand(context),
  book: async (context) => (await import('./commands/book.ts')).bookCommand(context),
  drill: async (context) => (await import('./commands/drill.ts')).drillCommand(context),
  lag: async () => (await import('./commands/lag.ts')).lagCommand(),
  where: async (context) => (await import('./commands/where.ts')).whereCommand(context),
  'in-transit': async (context) =>
    (await import('./commands/in-transit.ts')).inTransitCommand(context),
  channel: async (context) => (await import('./commands/channel.ts')).channelCommand(context),
  history: async (context) => (await import('./commands/history.ts')).historyCommand(context),
  switchover: change('switchover'),
  failover: change('failover'),
  fence: change('fence'),
  unfence: change('unfence'),
  drain: change('drain'),
  undrain: change('undrain'),
  evacuate: change('evacuate'),
  failback: change('failback'),
} satisfies Record<string, Load> & Record<ChangeKind, Load>;

const isCommand = (name: string | undefined): name is keyof typeof commands =>
  name !== undefined && Object.hasOwn(commands, name);

/** The names of the commands whose code these arguments need. */
function namesFor([first]: readonly string[]): readonly (keyof typeof commands)[] {
  if (isCommand(first)) return [first];
  return first === '--version' ? [] : Object.keys(commands).filter(isCommand);
}

/** The `meridian` command, with the subcommands that the arguments need. */
async function program(args: readonly string[], context: CommandContext): Promise<Command> {
  const isVersionAsked = args.includes('--version');
  const version = await (isVersionAsked ? versionAndCommit() : ownVersion());
  const meridian = new Command('meridian')
    .version(version, '--version', 'print the version and the commit of meridian')
    .description('A payment ledger in several regions: run it, use it, audit it.')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 refused or violated, 2 wrong usage or input, 3 not possible here,\n130 ended by Ctrl-C.' +
        '\nExample:\n  $ meridian up --detach && meridian status',
    );
  for (const name of namesFor(args)) meridian.addCommand(await commands[name](context));
  meridian.hook('preAction', (_, command) => takeDataFromConfig(command));
  const json = args.includes('--json');
  for (const command of [meridian, ...meridian.commands.flatMap((c) => [c, ...c.commands])]) {
    // Errors are thrown instead of ending the process, so that what runs can be stopped first.
    if (json) command.configureOutput({ writeErr: () => {} });
    command.exitOverride().showHelpAfterError('(see --help)');
  }
  return meridian;
}

/** Loaded only to report an error; most commands end without one. */
const errorReport = () => import('./error-report.ts');

/**
 * Runs the command that the arguments name, to its end, and prints what it prints. Returns the exit code
 * of its process; never throws.
 *
 * @param signal ends the command in order when it is aborted
 */
export async function runCommand(args: readonly string[], signal: AbortSignal): Promise<ExitCode> {
  const json = args.includes('--json');
  let code: ExitCode = ExitCode.ok;
  const context: CommandContext = {
    signal,
    exit: (chosen) => {
      code = chosen;
    },
  };
  try {
    await (await program(args, context)).parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has already printed the error; help that was asked for is not one.
      if (error.exitCode === 0) return ExitCode.ok;
      if (json) await (await errorReport()).printError(error);
      return ExitCode.usage;
    }
    const { interruption, printError, toFailure } = await errorReport();
    const failure = signal.aborted ? interruption(error) : toFailure(error);
    if (json) await printError(signal.aborted ? failure : error);
    else note(signal.aborted ? failure.message : `meridian: ${failure.message}`);
    return failure.exitCode;
  }
}

/** Runs the `meridian` command and ends the process. */
export async function main(args: readonly string[]): Promise<void> {
  endQuietlyWhenPipeCloses();
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) {
      restoreTerminal();
      process.exit(ExitCode.interrupted);
    }
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onSignal);
  process.exitCode = await runCommand(args, stop.signal);
  restoreTerminal();
  // A connection to a server that is frozen may never close: it must not keep the command.
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}
