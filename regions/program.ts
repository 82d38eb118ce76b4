import { readFileSync } from 'node:fs';

import { Command, CommanderError } from 'commander';

import { accountCommand } from './commands/account.ts';
import { accountsCommand } from './commands/accounts.ts';
import { assetCommand } from './commands/asset.ts';
import { auditCommand } from './commands/audit.ts';
import { bookCommand } from './commands/book.ts';
import type { CommandContext } from './commands/connection.ts';
import { downCommand } from './commands/down.ts';
import { drillCommand } from './commands/drill.ts';
import { eventsCommand } from './commands/events.ts';
import { failoverCommand } from './commands/failover.ts';
import { ExitCode, interruption, toFailure } from './commands/failure.ts';
import { channelCommand } from './commands/channel.ts';
import { fenceCommands } from './commands/fence.ts';
import { groupCommand } from './commands/group.ts';
import { historyCommand } from './commands/history.ts';
import { holdCommand } from './commands/hold.ts';
import { inTransitCommand } from './commands/in-transit.ts';
import { lagCommand } from './commands/lag.ts';
import { endQuietlyWhenPipeCloses, note, restoreTerminal } from './commands/print.ts';
import { printError } from './commands/print-error.ts';
import { regionCommands } from './commands/region-changes.ts';
import { replayCommand } from './commands/replay.ts';
import { reverseCommand } from './commands/reverse.ts';
import { startCommand } from './commands/start.ts';
import { statementCommand } from './commands/statement.ts';
import { statusCommand } from './commands/status.ts';
import { switchoverCommand } from './commands/switchover.ts';
import { transferCommand } from './commands/transfer.ts';
import { transfersCommand } from './commands/transfers.ts';
import { upCommand } from './commands/up.ts';
import { whereCommand } from './commands/where.ts';

/** The `meridian` command. */
function program(context: CommandContext, json: boolean): Command {
  const meridian = new Command('meridian')
    .version(versionOf(), '--version', 'print the version of meridian')
    .description('A payment ledger in three regions: run it, use it, audit it.')
    .addCommand(startCommand(context))
    .addCommand(upCommand(context))
    .addCommand(downCommand(context))
    .addCommand(statusCommand(context))
    .addCommand(accountCommand(context))
    .addCommand(accountsCommand(context))
    .addCommand(assetCommand(context))
    .addCommand(transferCommand(context))
    .addCommand(holdCommand(context))
    .addCommand(reverseCommand(context))
    .addCommand(groupCommand(context))
    .addCommand(transfersCommand(context))
    .addCommand(statementCommand(context))
    .addCommand(eventsCommand(context))
    .addCommand(replayCommand(context))
    .addCommand(auditCommand(context))
    .addCommand(bookCommand(context))
    .addCommand(drillCommand(context))
    .addCommand(lagCommand())
    .addCommand(whereCommand(context))
    .addCommand(inTransitCommand(context))
    .addCommand(channelCommand(context))
    .addCommand(historyCommand(context))
    .addCommand(switchoverCommand(context))
    .addCommand(failoverCommand(context))
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 refused or violated, 2 wrong usage or input, 3 not possible here,\n130 ended by Ctrl-C.' +
        '\nExample:\n  $ meridian up --detach && meridian status',
    );
  for (const command of [...fenceCommands(context), ...regionCommands(context)]) {
    meridian.addCommand(command);
  }
  for (const command of [meridian, ...meridian.commands.flatMap((c) => [c, ...c.commands])]) {
    // Errors are thrown instead of ending the process, so that what runs can be stopped first.
    if (json) command.configureOutput({ writeErr: () => {} });
    command.exitOverride().showHelpAfterError('(--help tells more)');
  }
  return meridian;
}

/** The version of the checkout that the command is of. */
function versionOf(): string {
  const file = new URL('../package.json', import.meta.url);
  const { version }: { version: string } = JSON.parse(readFileSync(file, 'utf8'));
  return version;
}

/** Runs the `meridian` command and ends the process. */
export async function main(args: readonly string[]): Promise<void> {
  endQuietlyWhenPipeCloses();
  const json = args.includes('--json');
  const stop = new AbortController();
  let code: ExitCode = ExitCode.ok;
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
  const context: CommandContext = {
    signal: stop.signal,
    exit: (chosen) => {
      code = chosen;
    },
  };
  try {
    await program(context, json).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has told the user already; help that was asked for is no error.
      code = error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
      if (json && code !== ExitCode.ok) await printError(error);
    } else {
      const failure = stop.signal.aborted ? interruption(error) : toFailure(error);
      code = failure.exitCode;
      if (json) await printError(stop.signal.aborted ? failure : error);
      else note(stop.signal.aborted ? failure.message : `meridian: ${failure.message}`);
    }
  }
  restoreTerminal();
  process.exitCode = code;
  // A connection to a server that is frozen may never close: it must not keep the command.
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}
