import { Redis } from 'ioredis';
import type { RegionName } from '../../../regions/topology/layout.ts';
import type { Installation } from '../installation/installation.ts';

/** The Redis of a region. */
export interface RegionRedis {
  /** Process name as in `Faults`. */
  readonly process: string;
  readonly url: string;
}

export function redisOf(installation: Installation, region: RegionName): RegionRedis {
  const url = installation.state().regions.find(({ name }) => name === region)?.redisUrl;
  if (url === undefined) throw new Error(`${region} has no Redis`);
  return { process: `${region}/redis`, url };
}

/** Queries a Redis through a connection of its own. Throws Error without an answer in time. */
export async function askRedis<T>(url: string, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url, {
    commandTimeout: 5_000,
    connectTimeout: 5_000,
    maxRetriesPerRequest: 5,
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 500),
  });
  redis.on('error', () => undefined);
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}

/** Names of the sets in which ledger servers keep ids, see ledger/keys/key-cache.ts. */
export function idSets(redis: Redis): Promise<string[]> {
  return redis.keys('meridian:ids:*');
}
