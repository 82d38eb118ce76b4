import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { signalProcess } from '../../../regions/processes/process-identity.ts';
import type { Installation } from '../installation/installation.ts';

/**
 * Pids of the processes that are stopped by a signal, of those with these names; of a Postgres
 * its children too, and those that it has left behind. A standby's Postgres is known by its
 * folder, which every child of it works in.
 */
export function frozenOf(installation: Installation, names: ReadonlySet<string>): number[] {
  const { copies } = installation;
  const pids = new Set(
    installation
      .state()
      .processes.filter(({ name }) => names.has(name))
      .map(({ pid }) => pid),
  );
  const folders = new Set(
    copies
      .filter(({ processes }) => names.has(processes.postgres))
      .map(({ postgresFolder }) => postgresFolder),
  );
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((pid) => isStopped(pid) && (pids.has(pid) || folders.has(folderOf(pid))));
}

export function thaw(pid: number): void {
  signalProcess(pid, 'SIGCONT');
}

function isStopped(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name is in parentheses and may contain anything.
    return text.slice(text.lastIndexOf(')') + 2).startsWith('T');
  } catch {
    return false;
  }
}

/** The folder that a process works in; '' when that is not known. */
export function folderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
