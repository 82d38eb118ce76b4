import postgres from 'postgres';
import { backoffMs } from '../../backoff.ts';

export type Sql = postgres.Sql<{ bigint: bigint }>;

/** Part of a statement. */
export type Fragment = postgres.Fragment;

/** A pool, or a transaction of it: anything that runs statements. */
export type Queries = postgres.ISql<{ bigint: bigint }>;

export interface ConnectionEvents {
  /** Called with each notice of the server. */
  readonly onNotice?: (notice: postgres.Notice) => void;
  /**
   * Called when a connection has been closed by either side. The driver then opens it again when
   * it is needed, and closes none on its own because of its age.
   */
  readonly onClose?: () => void;
}

/** A node that is down is asked again soon; the driver's own pause grows to 20 s. */
const BACKOFF = { firstMs: 50, longestMs: 1_000 };

/** Warnings that the server has sent through each pool. */
const warnings = new WeakMap<Sql, number>();

/** How many warnings the server has sent through a pool so far. */
export const warningsOf = (sql: Sql): number => warnings.get(sql) ?? 0;

/** True for a notice that something did not go as it should; the text may be in any language. */
export const isWarning = ({ severity }: postgres.Notice): boolean => severity === 'WARNING';

/**
 * A pool of connections to one database node.
 *
 * @param url `postgres://user:password@host:port/database`
 * @param max connections at most
 */
export function connect(url: string, max: number, events: ConnectionEvents = {}): Sql {
  const { onNotice, onClose } = events;
  const sql: Sql = postgres(url, {
    max,
    types: { bigint: postgres.BigInt },
    // In seconds; 0 failures: the server closed the connection.
    backoff: (failures: number) => backoffMs(failures + 1, BACKOFF) / 1_000,
    connect_timeout: 5,
    // Lists are sent as text. If a connection were cut while the driver fetches the types of
    // arrays, the rejection would be unhandled and end the process.
    fetch_types: false,
    onnotice: (notice) => {
      if (isWarning(notice)) warnings.set(sql, warningsOf(sql) + 1);
      onNotice?.(notice);
    },
    ...(onClose === undefined ? {} : { onclose: onClose, max_lifetime: null }),
    // A commit whose wait was cut short raises a warning: the role's own setting must not hide it.
    connection: {
      application_name: 'meridian',
      TimeZone: 'UTC',
      client_min_messages: 'warning',
      // A session whose client is silent ends after seconds, and with it the lock on the head that a
      // batch has half sent: a take-over would wait behind it for the two hours of the default.
      tcp_keepalives_idle: 5,
      tcp_keepalives_interval: 2,
      tcp_keepalives_count: 2,
      // A plan is made once: among a hundred partitions that takes a hundred times the query.
      plan_cache_mode: 'force_generic_plan',
      // Half of that time went into comparing conditions with the checks of each partition.
      constraint_exclusion: 'off',
    },
  });
  return sql;
}
