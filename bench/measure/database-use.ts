import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Sql } from '../../ledger/store/postgres/connect.ts';

/** What a Postgres has done since it was made; the difference of two is what a load has cost. */
export interface DatabaseUse {
  /** Bytes of write-ahead log, of all databases. */
  readonly walBytes: number;
  /**
   * Waits for the disk. A server process reports its own at most once a second, so that up to a
   * second's worth is missing at the end of a measurement, and counted at its beginning.
   */
  readonly fsyncs: number;
}

/** Until a build that follows another one is seen. */
const BUILD_POLL_MS = 100;
/** Longer than the builds of any partition; what takes longer is not waited for. */
const BUILD_MS_MAX = 60_000;

export async function readDatabaseUse(sql: Sql): Promise<DatabaseUse> {
  const [row] = await sql<{ wal_bytes: string; fsyncs: string }[]>`
    SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text AS wal_bytes,
           (SELECT coalesce(sum(fsyncs), 0)::text FROM pg_stat_io) AS fsyncs`;
  return { walBytes: Number(row?.wal_bytes ?? 0), fsyncs: Number(row?.fsyncs ?? 0) };
}

/** What was done between two readings. */
export function usedBetween(before: DatabaseUse, after: DatabaseUse): DatabaseUse {
  return {
    walBytes: after.walBytes - before.walBytes,
    fsyncs: after.fsyncs - before.fsyncs,
  };
}

/**
 * What a Postgres does every 15 minutes: the files of its write-ahead log are used again from then on.
 * @param url of its superuser
 */
export async function checkpoint(url: string): Promise<void> {
  const sql = connect(url, 1);
  try {
    await sql`CHECKPOINT`;
  } finally {
    await sql.end();
  }
}

/**
 * Resolves when no index is being built: the indexes of a full part of the journal are part of the
 * cost of its rows, and are built while the load goes on and after it.
 */
export async function indexesBuilt(sql: Sql): Promise<void> {
  const until = performance.now() + BUILD_MS_MAX;
  for (let idle = 0; idle < 2 && performance.now() < until;) {
    const [row] = await sql<{ builds: bigint }[]>`
      SELECT count(*) AS builds FROM pg_stat_progress_create_index`;
    idle = row?.builds === 0n ? idle + 1 : 0;
    if (idle < 2) await sleep(BUILD_POLL_MS);
  }
}
