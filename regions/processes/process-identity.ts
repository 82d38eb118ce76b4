import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * Identifies the process of a pid. Pids are reused, so a pid from a file is only trusted together
 * with the start time of its process.
 */

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'unknown-boot';
  }
}

function linuxIdentity(pid: number): string | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command's name is in parentheses and may itself contain spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  // A zombie has ended; in a container whose first process does not reap it stays permanently.
  if (state === 'Z' || state === 'X') return undefined;
  return `${bootId()}:${fields[19] ?? ''}`;
}

function psIdentity(pid: number): string | undefined {
  const result = spawnSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' });
  const text = result.stdout?.trim() ?? '';
  if (result.status !== 0 || text === '' || text.startsWith('Z')) return undefined;
  return text.replace(/^\S+\s+/u, '');
}

/** A text that no other process on this machine has, or undefined when `pid` is not running. */
export function processIdentity(pid: number): string | undefined {
  return process.platform === 'linux' ? linuxIdentity(pid) : psIdentity(pid);
}

/** True while the process that had this pid and identity is running. */
export function isRunning(pid: number, identity: string): boolean {
  return processIdentity(pid) === identity;
}

/** The command line of a running process, arguments joined by spaces; '' when not known. */
export function commandLine(pid: number): string {
  if (process.platform !== 'linux') {
    return (
      spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? ''
    );
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/**
 * Sends a signal to a process that may have gone. SIGCONT follows, because a process that was
 * stopped with SIGSTOP would otherwise never see it.
 * @returns false when there was no such process.
 */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    if (signal !== 'SIGKILL' && signal !== 'SIGSTOP') process.kill(pid, 'SIGCONT');
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
