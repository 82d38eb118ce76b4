import { spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { connect } from '../../ledger/store/postgres/connect.ts';
import { checkout } from '../../regions/topology/layout.ts';
import type { RegionState } from '../../regions/topology/state.ts';
import { median } from './median.ts';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  /** Median time to bring one page to the disk that the data lies on, in milliseconds. */
  readonly fsyncMs: number;
}

export interface Versions {
  readonly node: string;
  readonly postgres: string;
  /** '' if it ran without Redis. */
  readonly redis: string;
}

export interface Revision {
  readonly commit: string;
  readonly dirty: boolean;
}

const FSYNC_SAMPLES = 100;
const PAGE_BYTES = 8_192;

/** @param folder where the data lies */
export function describeMachine(folder: string): Machine {
  const all = cpus();
  return {
    processor: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryBytes: totalmem(),
    kernel: `${type()} ${release()}`,
    fsyncMs: measureFsync(folder),
  };
}

/** Every batch waits for one: where it is slow, no software makes single transfers fast. */
function measureFsync(folder: string): number {
  const path = join(folder, 'fsync-sample');
  const page = Buffer.alloc(PAGE_BYTES, 1);
  const file = openSync(path, 'w');
  const samples: number[] = [];
  try {
    for (let index = 0; index < FSYNC_SAMPLES; index += 1) {
      writeSync(file, page);
      const begun = performance.now();
      fsyncSync(file);
      samples.push(performance.now() - begun);
    }
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
  return median(samples);
}

/** Versions of what runs in a region. */
export async function readVersions(region: RegionState): Promise<Versions> {
  const sql = connect(region.auditorUrl, 1);
  try {
    const [row] = await sql<{ server_version: string }[]>`SHOW server_version`;
    const redis = region.redisUrl === undefined ? '' : await redisVersion(region.redisUrl);
    return { node: process.version, postgres: row?.server_version ?? 'unknown', redis };
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function redisVersion(url: string): Promise<string> {
  const redis = new Redis(url);
  try {
    return /^redis_version:(\S+)/mu.exec(await redis.info('server'))?.[1] ?? 'unknown';
  } finally {
    redis.disconnect();
  }
}

/** Which state of the source this is. */
export function readRevision(): Revision {
  const commit = git('rev-parse', '--short', 'HEAD');
  if (commit === undefined) return { commit: 'unknown', dirty: true };
  // Results of earlier runs lie in the checkout and change nothing that is measured.
  const changes = git('status', '--porcelain', '--', '.', ':!bench/results');
  return { commit, dirty: changes !== '' };
}

function git(...args: string[]): string | undefined {
  const result = spawnSync('git', args, { cwd: checkout, encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim() : undefined;
}
