import { totalmem } from 'node:os';
import { constrainedMemory } from 'node:process';
import type { Topology } from '../topology/topology.ts';
import type { SupervisorTuning } from './supervisor-tuning.ts';

/** The memory of this machine, divided among all that an installation runs on it. */

export type Profile = 'embedded' | 'replicated';

/** What shares the machine. */
export interface Scale {
  readonly profile: Profile;
  /** Of the machine, or of the container if that has less. */
  readonly memoryMib: number;
  /** Each has a router and a Redis. */
  readonly regions: number;
  readonly ledgerServers: number;
  /** Postgres servers. */
  readonly databases: number;
  /** Of the region that homes most. */
  readonly booksOfRegion: number;
}

/** The memory that this process and its children may have, in MiB. */
export function machineMemoryMib(): number {
  const limit = constrainedMemory();
  // 0, or more than there is: no control group limits it.
  const bytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return Math.floor(bytes / 1024 ** 2);
}

export function scaleOf(topology: Topology, profile: Profile, memoryMib: number): Scale {
  const { regions, books } = topology;
  const counts = regions.map((name) => books.filter(({ region }) => region === name).length);
  const copies = books.reduce((sum, book) => sum + book.copies.length, 0);
  const replicated = profile === 'replicated';
  return {
    profile,
    memoryMib,
    regions: regions.length,
    ledgerServers: replicated ? copies : books.length,
    databases: replicated ? copies : regions.length,
    booksOfRegion: Math.max(...counts),
  };
}

const within = (least: number, value: number, most: number) =>
  Math.max(least, Math.min(Math.floor(value), most));

/**
 * An eighth of the memory is for the pages of the databases, a fifth for ledger servers, a sixth
 * for routers, a thirty-second for Redis. The rest is for the system: it caches the journals, and
 * Postgres relies on that. The least values let each process do its work, slowly; the most are
 * what it can use.
 */
export function derivedTuning(scale: Scale): Partial<SupervisorTuning> {
  const { memoryMib, regions, ledgerServers, databases, booksOfRegion, profile } = scale;
  const replicated = profile === 'replicated';
  const share = (part: number, among: number) => (memoryMib * part) / among;
  return {
    ledgerHeapMib: within(192, share(1 / 5, ledgerServers), 320),
    routerHeapMib: within(192, share(1 / 6, regions), 768),
    redisMib: within(96 * booksOfRegion, share(1 / 32, regions), 256 * booksOfRegion),
    postgresBuffersMib: within(32, share(1 / 8, databases), 1_024),
    // Each member of a book keeps a journal of its own, and one more of what others may need.
    ...(replicated && { postgresWalMib: 512, postgresCheckpointSeconds: 300 }),
    // About ten of each ledger server, for auditors and operators the rest.
    postgresConnections: Math.max(100, 30 + 15 * booksOfRegion),
  };
}
