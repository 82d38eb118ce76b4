import { setTimeout as sleep } from 'node:timers/promises';

import type { Command } from 'commander';

import { readState } from '../local/state.ts';
import { type CommandContext, dataOption, newCommand } from './connection.ts';
import { CommandFailure, ExitCode } from './failure.ts';
import { note, print, printJson } from './print.ts';

/** Longer than all grace periods of an orderly stop together. */
const STOP_MS_MAX = 90_000;

interface DownOptions {
  readonly data: string;
  readonly json?: boolean;
}

/** `meridian down` */
export function downCommand({ signal }: CommandContext): Command {
  return newCommand('down', 'stop the regions that run on this machine; data stays', ['down'])
    .addOption(dataOption())
    .action(async (options: DownOptions) => {
      const pid = readState(options.data)?.pid;
      if (pid === undefined) {
        if (options.json) return printJson({ stopped: false });
        return print(`Meridian is not running with the data in ${options.data}; nothing to stop.`);
      }
      note(`Stopping the regions (pid ${pid}) ...`);
      askToStop(pid);
      const giveUpAt = performance.now() + STOP_MS_MAX;
      while (readState(options.data)?.pid === pid) {
        if (signal.aborted || performance.now() > giveUpAt) {
          const message = `The regions (pid ${pid}) have not stopped yet; they go on stopping.`;
          throw new CommandFailure(ExitCode.environment, message);
        }
        await sleep(100);
      }
      return options.json ? printJson({ stopped: true, pid }) : print('Everything has stopped.');
    });
}

function askToStop(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    // It has ended since its state was read.
    if (code === 'ESRCH') return;
    const message = `this user may not stop pid ${pid}: ask the user who started Meridian`;
    throw new CommandFailure(ExitCode.environment, message);
  }
}
