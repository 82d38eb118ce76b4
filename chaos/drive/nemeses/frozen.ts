import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { signalProcess } from '../../../regions/processes/process-identity.ts';
import type { Installation } from '../installation/installation.ts';

/**
 * Returns pids of processes with these names that are stopped by a signal; for a Postgres also its
 * children, and those that it has left behind. A standby's Postgres is found by its folder, the
 * working directory of all its children.
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

/** Returns the working directory of a process; '' if it is unknown. */
export function folderOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
