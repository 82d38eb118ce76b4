#!/usr/bin/env node
// npm run chaos: breaks an installation under load and decides from what was recorded.
import { CommanderError } from 'commander';
import { toFailure } from '../regions/cli/error-report.ts';
import { ExitCode } from '../regions/terminal/failure.ts';
import { goOnWhenPipesClose, note, restoreTerminal } from '../regions/terminal/print.ts';
import { chaosCommand, type Options } from './chaos-command.ts';
import { execute } from './run/execute.ts';
import { judgeAgain } from './run/judge-again.ts';
import { list } from './run/list.ts';

async function main(args: readonly string[]): Promise<void> {
  const stop = new AbortController();
  let code: ExitCode = ExitCode.ok;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // Also on repeated signals: what is broken must not stay so.
      if (!stop.signal.aborted) {
        note('Stopping: what is broken is repaired, then judged. It takes about a minute.');
      }
      stop.abort();
    });
  }
  let crashed = false;
  process.on('uncaughtException', (error) => {
    // An error of the suite decides nothing, and must not leave anything broken or running.
    crashed = true;
    note(`chaos: ${error.stack ?? error.message}`);
    stop.abort();
  });
  try {
    const run = async (options: Options) => {
      if (options.list) await list(options.json);
      else if (options.judge !== undefined)
        code = await judgeAgain(options.judge, options.json === true);
      else code = await execute(options, stop.signal);
    };
    await chaosCommand(run).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      code = error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    } else {
      const failure = toFailure(error);
      const isUsage = failure.exitCode === ExitCode.usage;
      // Only a verdict may state that something is violated.
      code = isUsage ? ExitCode.usage : ExitCode.environment;
      if (stop.signal.aborted) code = ExitCode.interrupted;
      note(`chaos: ${failure.message}`);
    }
  }
  restoreTerminal();
  process.exitCode = exitCode(code, crashed);
  // A connection to a frozen server may never close; it must not keep the command running.
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}

/** A violation that was found counts, even if something failed after it. */
function exitCode(decided: ExitCode, crashed: boolean): ExitCode {
  return crashed && decided !== ExitCode.refused ? ExitCode.environment : decided;
}

goOnWhenPipesClose();
await main(process.argv.slice(2));
