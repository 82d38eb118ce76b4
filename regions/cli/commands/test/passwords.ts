import type { Cluster } from '../../../supervisor/embedded/embedded-cluster.ts';

/** What an embedded installation keeps secret. */
export function passwordsOf({ regions }: Cluster): string[] {
  return regions.flatMap(({ adminUrl, ledgerUrl, auditorUrl, redisUrl = 'redis://' }) =>
    [adminUrl, ledgerUrl, auditorUrl, redisUrl].map((url) => new URL(url).password),
  );
}
