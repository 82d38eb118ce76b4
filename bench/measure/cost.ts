import type { Job } from '../load/job.ts';
import type { DatabaseUse } from './database-use.ts';

/** What the requests of a measurement have cost, each figure per request. */
export interface Cost {
  /**
   * Processor time in microseconds by the role of a process: ledger, router, postgres, redis,
   * generator, loop. Postgres has that of its background processes and index builds, the
   * generator only what it spends while it sends. Empty where the system does not count it.
   */
  readonly cpuMicros: Readonly<Record<string, number>>;
  /** Bytes of write-ahead log, those of checkpoints and index builds included. */
  readonly walBytes: number;
  /** Waits of Postgres for the disk, for write-ahead log and data files. */
  readonly fsyncs: number;
  /** Share of the processor time of a role's processes that is garbage collection: 0..1. */
  readonly gcShare: Readonly<Record<string, number>>;
}

/** What was used from the beginning of a measurement to its end. */
export interface Used {
  /** Processor time in seconds by the name of a process, REGION/ROLE. */
  readonly processorSeconds: ReadonlyMap<string, number>;
  /** Garbage collection in seconds by the same names, where it is known. */
  readonly gcSeconds: ReadonlyMap<string, number>;
  readonly databases: readonly DatabaseUse[];
}

const MICROS_PER_SECOND = 1_000_000;

/** The name that the bare loop and its Postgres have in place of a region. */
export const RAW_REGION = 'raw';

/** The regions whose processes work on a job; the others' only idle meanwhile. */
export function regionsOf(job: Job): ReadonlySet<string> {
  switch (job.kind) {
    case 'calls':
      return new Set(job.routes.flatMap(({ from, away }) => [from, ...away]));
    case 'singles':
      return new Set([job.from]);
    case 'open':
    case 'touch':
      return new Set([job.region]);
    case 'raw-open':
    case 'raw':
    case 'baseline-open':
    case 'baseline':
      return new Set([RAW_REGION]);
  }
}

/**
 * @param regions whose processes count
 * @param requests that were acknowledged meanwhile
 * @returns undefined if there were none
 */
export function costOf(
  { processorSeconds, gcSeconds, databases }: Used,
  regions: ReadonlySet<string>,
  requests: number,
): Cost | undefined {
  if (requests === 0) return undefined;
  const seconds = byRole(processorSeconds, regions);
  const cpuMicros: Record<string, number> = {};
  for (const [role, used] of seconds) cpuMicros[role] = (used * MICROS_PER_SECOND) / requests;
  const gcShare: Record<string, number> = {};
  for (const [role, used] of byRole(gcSeconds, regions)) {
    const all = seconds.get(role) ?? 0;
    if (all > 0) gcShare[role] = used / all;
  }
  const sum = (name: keyof DatabaseUse) => databases.reduce((total, use) => total + use[name], 0);
  return {
    cpuMicros,
    walBytes: sum('walBytes') / requests,
    fsyncs: sum('fsyncs') / requests,
    gcShare,
  };
}

function byRole(
  used: ReadonlyMap<string, number>,
  regions: ReadonlySet<string>,
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [name, amount] of used) {
    const role = roleOf(name, regions);
    if (role !== undefined) sums.set(role, (sums.get(role) ?? 0) + amount);
  }
  return sums;
}

/** Undefined for a process that does not work on the job. The generator belongs to no region. */
function roleOf(name: string, regions: ReadonlySet<string>): string | undefined {
  if (name === 'generator') return regions.has(RAW_REGION) ? undefined : name;
  const [region = '', process] = name.split('/');
  // The server of a region's second book is called REGION/ledger-BOOK.
  return regions.has(region) ? process?.split('-')[0] : undefined;
}

/** The cost of several measurements: each counts by its requests. */
export function meanCost(
  parts: readonly { readonly cost?: Cost | undefined; readonly acknowledged: number }[],
): Cost | undefined {
  const known = parts.flatMap(({ cost, acknowledged: requests }) =>
    cost === undefined ? [] : [{ cost, requests }],
  );
  const requests = known.reduce((sum, each) => sum + each.requests, 0);
  if (requests === 0) return undefined;
  const mean = (of: (cost: Cost) => number) =>
    known.reduce((sum, each) => sum + of(each.cost) * each.requests, 0) / requests;
  const meanBy = (of: (cost: Cost) => Readonly<Record<string, number>>) => {
    const roles = new Set(known.flatMap(({ cost }) => Object.keys(of(cost))));
    return Object.fromEntries(
      [...roles].map((role) => [role, mean((cost) => of(cost)[role] ?? 0)]),
    );
  };
  return {
    cpuMicros: meanBy((cost) => cost.cpuMicros),
    walBytes: mean((cost) => cost.walBytes),
    fsyncs: mean((cost) => cost.fsyncs),
    gcShare: meanBy((cost) => cost.gcShare),
  };
}
