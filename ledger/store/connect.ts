import postgres from 'postgres';

export type Sql = postgres.Sql<{ bigint: bigint }>;

/** What statements can be sent through: a pool, or a transaction of it. */
export type Queries = postgres.ISql<{ bigint: bigint }>;

/**
 * A pool of connections to one database node.
 *
 * @param url `postgres://user:password@host:port/database`
 * @param max connections at most
 * @param onNotice called with each notice of the server
 */
export function connect(
  url: string,
  max: number,
  onNotice: (notice: postgres.Notice) => void = () => undefined,
): Sql {
  return postgres(url, {
    max,
    types: { bigint: postgres.BigInt },
    // A node that is down is asked again soon; the driver's own pause grows to 20 s.
    backoff: (attempt: number) => Math.min(0.05 * 2 ** attempt, 1),
    connect_timeout: 5,
    onnotice: onNotice,
    connection: { application_name: 'meridian', TimeZone: 'UTC' },
  });
}
