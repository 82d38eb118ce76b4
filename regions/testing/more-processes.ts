import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { joinServer } from '../links/known-links.ts';
import { childEnvironment } from '../processes/environment.ts';
import type { RegionState } from '../topology/state.ts';

/** Server processes in addition to those of a cluster. A test ends each with `endChild`. */

const PROCESSES = path.join(import.meta.dirname, '..', 'server');

interface Place {
  readonly region: string;
  /** Addresses of all ledger servers, this one included. */
  readonly ledgers: readonly string[];
  /** NUMBER:NAME:REGION of each. */
  readonly books: readonly string[];
}

/** One more ledger server on the database of a region's book. */
export function startLedger(
  region: Pick<RegionState, 'book' | 'ledgerUrl' | 'redisUrl'>,
  listen: string,
  place: Place,
  settings: Record<string, string> = {},
): ChildProcess {
  return start('ledger.ts', listen, place, {
    ...settings,
    MERIDIAN_BOOK: String(region.book),
    MERIDIAN_DATABASE_URL: region.ledgerUrl,
    ...(region.redisUrl === undefined ? {} : { MERIDIAN_REDIS_URL: region.redisUrl }),
  });
}

/** A router that asks etcd whether its region is drained. */
export function startRouter(listen: string, place: Place, etcd: readonly string[]): ChildProcess {
  return start('router.ts', listen, place, { MERIDIAN_ETCD: etcd.join(',') });
}

export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function start(
  program: string,
  listen: string,
  { region, ledgers, books }: Place,
  settings: Record<string, string>,
): ChildProcess {
  const kind = program === 'ledger.ts' ? 'ledger' : 'router';
  const { environment } = joinServer(ledgers[0], listen, { kind, region });
  return spawn(process.execPath, [path.join(PROCESSES, program)], {
    stdio: 'ignore',
    env: childEnvironment({
      MERIDIAN_REGION: region,
      ...environment,
      MERIDIAN_LISTEN: listen,
      MERIDIAN_LEDGERS: ledgers.join(','),
      MERIDIAN_BOOKS: books.join(','),
      ...settings,
    }),
  });
}
