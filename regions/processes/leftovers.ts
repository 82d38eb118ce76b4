import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { writeFileAtomic } from './atomic-file.ts';
import { isRunning, processIdentity, signalProcess } from './process-identity.ts';

/**
 * One pid file per running child. A supervisor that was killed with SIGKILL cannot stop its
 * children; the guard, or the next start, does it by these files.
 */

const stopSignals = ['SIGTERM', 'SIGINT'] as const;
export type StopSignal = (typeof stopSignals)[number];

const pidRecord = z.object({
  name: z.string(),
  pid: z.number().int().positive(),
  identity: z.string(),
  /** Pid of the supervisor that started it. */
  owner: z.number().int().positive(),
  /** Children of a lower stage are stopped first: front door before ledger before database. */
  stage: z.number().int(),
  stopSignal: z.enum(stopSignals),
  graceMs: z.number().nonnegative(),
});
export type PidRecord = z.infer<typeof pidRecord>;

const pollMs = 20;

/** Writes the pid file of a child that was just started. Does nothing when it has ended already. */
export function writePidFile(path: string, record: Omit<PidRecord, 'identity' | 'owner'>): void {
  const identity = processIdentity(record.pid);
  if (identity === undefined) return;
  writeFileAtomic(path, JSON.stringify({ ...record, identity, owner: process.pid }));
}

function readPidFiles(folder: string): { path: string; record: PidRecord }[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.pid'));
  } catch {
    return [];
  }
  const found: { path: string; record: PidRecord }[] = [];
  for (const name of names) {
    const path = join(folder, name);
    try {
      found.push({ path, record: pidRecord.parse(JSON.parse(readFileSync(path, 'utf8'))) });
    } catch {
      // It ended meanwhile, or it is not ours: there is nothing to stop.
    }
  }
  return found;
}

/** Signals one process, waits up to its grace period, then kills it. */
export async function stopByPid(
  pid: number,
  identity: string,
  how: { stopSignal: NodeJS.Signals; graceMs: number },
): Promise<void> {
  if (!isRunning(pid, identity)) return;
  signalProcess(pid, how.stopSignal);
  const killAt = Date.now() + how.graceMs;
  let killed = false;
  while (isRunning(pid, identity)) {
    if (!killed && Date.now() >= killAt) {
      signalProcess(pid, 'SIGKILL');
      killed = true;
    }
    await sleep(pollMs);
  }
}

/**
 * Stops every process that a pid file in `folder` still names, in order of stage, and removes
 * the files.
 * @param owner only the children of this supervisor; all of them when left out.
 * @returns the names of the processes that were still running.
 */
export async function stopLeftovers(folder: string, owner?: number): Promise<string[]> {
  const all = readPidFiles(folder).filter(
    ({ record }) => owner === undefined || record.owner === owner,
  );
  const running = all.filter(({ record }) => isRunning(record.pid, record.identity));
  const stages = new Set(running.map(({ record }) => record.stage));
  for (const stage of [...stages].toSorted((a, b) => a - b)) {
    await Promise.all(
      running
        .filter(({ record }) => record.stage === stage)
        .map(({ record }) => stopByPid(record.pid, record.identity, record)),
    );
  }
  for (const { path } of all) rmSync(path, { force: true });
  return running.map(({ record }) => record.name);
}
