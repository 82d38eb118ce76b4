import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { count } from '../../regions/terminal/print.ts';

export interface ResidentMemory {
  /** In bytes, as the system counts it now. */
  readonly now: number;
  /** The most it ever was, in bytes; undefined where the system does not keep it. */
  readonly peak: number | undefined;
}

const BYTES_PER_KIB = 1_024;

/** Memory that a process has in the machine's RAM. Throws Error if it cannot be read. */
export function residentMemory(pid: number): ResidentMemory {
  if (process.platform === 'linux') {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    const now = kibibytes(text, 'VmRSS');
    if (now !== undefined) return { now, peak: kibibytes(text, 'VmHWM') };
  }
  const result = spawnSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' });
  const now = Number(result.stdout?.trim());
  if (result.status !== 0 || !(now > 0)) throw new Error(`memory of ${pid} cannot be read`);
  return { now: now * BYTES_PER_KIB, peak: undefined };
}

/** Bytes for people. */
export function mebibytes(bytes: number): string {
  return `${count(bytes / 2 ** 20)} MiB`;
}

function kibibytes(text: string, name: string): number | undefined {
  const match = new RegExp(String.raw`^${name}:\s+(\d+) kB$`, 'mu').exec(text);
  return match === null ? undefined : Number(match[1]) * BYTES_PER_KIB;
}
