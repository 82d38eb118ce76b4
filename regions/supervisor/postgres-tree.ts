import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { signalProcess } from '../processes/process-identity.ts';

/** The processes of a Postgres server, no matter who started it. */

/** The pid of the server whose data is in this folder; undefined when none runs. */
export function postmasterPid(dataDir: string): number | undefined {
  let pid: number;
  try {
    pid = Number(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n', 1)[0]);
  } catch {
    return undefined;
  }
  // The file outlives a killed server, and its pid may have been given to another program.
  return commandOf(pid).includes(dataDir) ? pid : undefined;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** The children of a process, by the tables of the system. */
function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
        // The command's name is in parentheses and may contain anything.
        return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]) === parent;
      } catch {
        return false;
      }
    });
}

/** Sends a signal to a Postgres server and all its children. False: none runs in this folder. */
export function signalPostgres(dataDir: string, signal: NodeJS.Signals): boolean {
  const pid = postmasterPid(dataDir);
  if (pid === undefined) return false;
  // The server first: it must not start children while its children are being counted.
  const all = [pid, ...childrenOf(pid)];
  for (const each of all) signalProcess(each, signal);
  return true;
}
