import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Copy, Installation } from '../installation/installation.ts';
import { folderOf } from './frozen.ts';

/** The Postgres of a copy, started by Patroni or by the supervisor. */

const EMPTY_MS = 20_000;

/** Kills the Postgres of a copy and keeps it down until `startPostgres`. */
export async function haltPostgres(installation: Installation, copy: Copy): Promise<void> {
  const { faults } = installation;
  const { patroni, postgres } = copy.processes;
  await faults.stop(patroni ?? postgres);
  // A Postgres that Patroni has started outlives it.
  await faults.signal(postgres, 'SIGKILL').catch((error: unknown) => {
    if (!isGone(error)) throw error;
  });
  const until = performance.now() + EMPTY_MS;
  while (postgresPids(copy.postgresFolder).length > 0) {
    if (performance.now() > until) throw new Error(`${postgres} does not stop`);
    await sleep(50);
  }
}

/** Starts it again where it was stopped. */
export async function startPostgres(installation: Installation, copy: Copy): Promise<void> {
  const supervised = copy.processes.patroni ?? copy.processes.postgres;
  const found = installation.state().processes.find(({ name }) => name === supervised);
  if (found?.state === 'stopped') await installation.faults.start(supervised);
}

/** Returns the pids of it and all its children, which work in its data folder. */
export function postgresPids(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((pid) => folderOf(pid) === folder);
}

/** The error for a process that does not run, see Faults. */
function isGone(error: unknown): boolean {
  return error instanceof Error && /is not running|does not run/u.test(error.message);
}
