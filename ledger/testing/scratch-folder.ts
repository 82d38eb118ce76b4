import { execFileSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
} from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/**
 * Folders for the data of tests, in memory where there is enough of it. On a disk the tests spend
 * a third of their time on making, syncing and deleting the hundreds of files of each database. What
 * tests do to a server they do to its process, and the files of a killed process remain either way.
 */

const memory = '/dev/shm';
/** Whole clusters run at the same time, and each Postgres keeps some segments of WAL. */
const memoryBytes = 4 * 2 ** 30;

/** Where the folders are made on this machine. */
export const scratchRoot = (): string => (hasRoom() && mayExecute() ? memory : tmpdir());

function hasRoom(): boolean {
  try {
    accessSync(memory, constants.W_OK);
    const { bavail, bsize } = statfsSync(memory);
    return Math.min(bavail * bsize, freemem()) >= memoryBytes;
  } catch {
    return false;
  }
}

/** Containers often forbid to run programs that lie there, as the replicated profile does. */
function mayExecute(): boolean {
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const mine = mounts.map((line) => line.split(' ')).findLast(([, place]) => place === memory);
  return mine?.[2] === 'tmpfs' && !mine[3]?.split(',').includes('noexec');
}

/**
 * Makes a new folder that every user may enter. It belongs to this process: folders of processes
 * that were killed are removed from memory by the next call.
 *
 * @param purpose a word for its name
 */
export function makeScratchFolder(purpose: string): string {
  const root = scratchRoot();
  if (root === memory) removeAbandoned(root);
  const folder = mkdtempSync(join(root, `meridian-${purpose}-${process.pid}-`));
  chmodSync(folder, 0o711);
  return folder;
}

/** Keeps the folder of a failed test for its reader, on a disk. Returns where it is now. */
export function keepScratchFolder(folder: string): string {
  if (!folder.startsWith(`${memory}/`)) return folder;
  const kept = join(tmpdir(), basename(folder));
  // With owners and modes: Postgres reads its data only as it has left them.
  execFileSync('cp', ['-a', folder, kept]);
  rmSync(folder, { recursive: true, force: true });
  return kept;
}

/** Removes the folders of processes that have ended without removing them. */
export function removeAbandoned(root: string): void {
  for (const name of readdirSync(root)) {
    const pid = /^meridian-[a-z]+-(\d+)-/u.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    rmSync(join(root, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
