#!/usr/bin/env node
// npm run chaos: breaks an installation under load and decides from what was recorded.
import { CommanderError } from 'commander';
import { ExitCode, toFailure } from '../regions/commands/failure.ts';
import { endQuietlyWhenPipeCloses, note, restoreTerminal } from '../regions/commands/print.ts';
import { chaosCommand, type Options } from './command.ts';
import { execute } from './execute.ts';
import { list } from './list.ts';

async function main(args: readonly string[]): Promise<void> {
  const stop = new AbortController();
  let code: ExitCode = ExitCode.ok;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // However often it is asked for: what is broken must not stay so.
      if (!stop.signal.aborted) note('Stopping: what is broken is mended, then judged.');
      stop.abort();
    });
  }
  try {
    const run = async (options: Options) => {
      if (options.list) await list(options.json);
      else code = await execute(options, stop.signal);
    };
    await chaosCommand(run).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      code = error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    } else {
      const failure = toFailure(error);
      code = stop.signal.aborted ? ExitCode.interrupted : failure.exitCode;
      note(`chaos: ${failure.message}`);
    }
  }
  restoreTerminal();
  process.exitCode = code;
  // A connection to a server that is frozen may never close: it must not keep the command.
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}

endQuietlyWhenPipeCloses();
await main(process.argv.slice(2));
