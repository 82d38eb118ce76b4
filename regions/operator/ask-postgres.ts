import { ISO_4217 } from '../../ledger/core/asset.ts';
import type { Sql } from '../../ledger/store/postgres/connect.ts';
import type { HeadFacts, Outgoing, PostgresFacts, StandbyFacts } from './facts.ts';

interface ServerRow {
  standby: boolean;
  flushed: bigint;
  replayed: bigint;
  replay_age_ms: number | null;
  names: string;
  commit: string;
}

interface StandbyRow {
  name: string;
  streaming: boolean;
  synchronous: boolean;
  flushed: bigint;
  flush_lag_ms: number | null;
}

interface HeadRow {
  epoch: bigint;
  leader: string;
  seq: bigint;
  fenced: boolean;
}

interface OutgoingRow {
  peer_book: number;
  asset: string;
  /** Null: not registered, as the currencies of ISO 4217. */
  scale: number | null;
  transfers: bigint;
  amount: string;
  age_ms: number;
}

/** Reads the state of a member's Postgres, as its superuser, in one round trip. */
export async function askPostgres(sql: Sql): Promise<PostgresFacts> {
  const [servers, standbys, heads, outgoing] = await Promise.all([
    sql<ServerRow[]>`
      SELECT pg_is_in_recovery() AS standby,
             (CASE WHEN pg_is_in_recovery()
                   THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
                   ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn)::int8 AS flushed,
             (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                   ELSE pg_current_wal_flush_lsn() END - '0/0'::pg_lsn)::int8 AS replayed,
             CASE WHEN pg_is_in_recovery()
                  THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
                       ::float8 * 1000 END AS replay_age_ms,
             current_setting('synchronous_standby_names') AS names,
             current_setting('synchronous_commit') AS commit`,
    sql<StandbyRow[]>`
      SELECT application_name AS name, state = 'streaming' AS streaming,
             sync_state IN ('sync', 'quorum') AS synchronous,
             (coalesce(flush_lsn, '0/0') - '0/0'::pg_lsn)::int8 AS flushed,
             extract(epoch FROM flush_lag)::float8 * 1000 AS flush_lag_ms
        FROM pg_stat_replication`,
    sql<HeadRow[]>`SELECT epoch, leader, seq, fenced FROM head`,
    sql<OutgoingRow[]>`
      SELECT t.peer_book, t.asset, a.scale, t.transfers,
             t.amount::text AS amount,
             extract(epoch FROM clock_timestamp() - t.oldest_at)::float8 * 1000 AS age_ms
        FROM in_transit t LEFT JOIN asset a ON a.asset = t.asset
       ORDER BY t.peer_book, t.asset`,
  ]);
  const [server] = servers;
  if (server === undefined) throw new Error('Postgres returned no row about itself');
  return {
    standby: server.standby,
    flushed: server.flushed,
    replayed: server.replayed,
    replayAgeMs: server.replay_age_ms,
    synchronousNames: server.names,
    synchronousCommit: server.commit,
    standbys: standbys.map(standbyFrom),
    head: heads[0] && headFrom(heads[0]),
    outgoing: outgoing.map(outgoingFrom),
  };
}

function standbyFrom(row: StandbyRow): StandbyFacts {
  const { name, streaming, synchronous, flushed, flush_lag_ms: flushLagMs } = row;
  return { name, streaming, synchronous, flushed, flushLagMs };
}

function headFrom({ epoch, leader, seq, fenced }: HeadRow): HeadFacts {
  return { epoch: Number(epoch), leader, seq: Number(seq), fenced };
}

function outgoingFrom(row: OutgoingRow): Outgoing {
  return {
    toBook: row.peer_book,
    asset: row.asset,
    scale: row.scale ?? ISO_4217.get(row.asset) ?? 0,
    transfers: Number(row.transfers),
    amount: BigInt(row.amount),
    oldestAgeMs: Math.max(0, Math.round(row.age_ms)),
  };
}
