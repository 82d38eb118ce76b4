import { stringify } from 'yaml';
import {
  LOCKS_PER_TRANSACTION,
  steadyWrites,
  tunedParameters,
} from '../../../ledger/postgres/data-directory.ts';
import { REPLICATED_CONNECTIONS } from '../../config/rules.ts';
import type { SupervisorTuning } from '../../config/supervisor-tuning.ts';
import type { Secrets } from '../../topology/data-dir.ts';
import type {
  MemberLayout,
  ReplicatedLayout,
  ReplicatedRegion,
} from '../../topology/replicated-layout.ts';
import type { ReplicatedPrograms } from './packages.ts';
import { synchronousStandbyNames } from './promotion-guard.ts';
import type { ReplicatedSecrets } from './secrets.ts';

/**
 * The configuration of one member of a book: Postgres under Patroni. Where the members are real
 * hosts, only names, addresses and folders differ, and TLS is added.
 */

/**
 * A leader that has not renewed its lease for `ttl` seconds is replaced; one that has not reached
 * etcd for `retry_timeout` seconds steps down automatically. The loss of a region may take the
 * leader of etcd with it: the retry time must outlast the election of another, or the leaders of the
 * other regions' books would step down needlessly. It is divided among the members of etcd, at
 * least a second for each: the nearest four, if there are five.
 *
 * Patroni's own rule, loop_wait + 2 * retry_timeout <= ttl, lets an isolated leader step down
 * before its lease ends. Here it cannot acknowledge anything meanwhile: see the promotion guard.
 * Patroni 4 enforces the rule, and a ttl of at least 20 s.
 */
function timing(version: number) {
  if (version >= 4) return { ttl: 20, loop_wait: 1, retry_timeout: 5 };
  return { ttl: 6, loop_wait: 1, retry_timeout: 4 };
}

export interface PatroniOptions {
  readonly layout: ReplicatedLayout;
  readonly region: ReplicatedRegion;
  readonly member: MemberLayout;
  readonly programs: ReplicatedPrograms;
  /** Of the book. */
  readonly secrets: Secrets;
  readonly replicatedSecrets: ReplicatedSecrets;
  /** Folder of the database itself; Patroni makes it. */
  readonly dataDir: string;
  /** Folder for the sockets and the password file. */
  readonly runDir: string;
  readonly tuning: SupervisorTuning;
  /** Path of the promotion guard. */
  readonly guard: string;
}

export function patroniConfig(options: PatroniOptions): string {
  const {
    region,
    member,
    layout,
    programs,
    secrets,
    replicatedSecrets,
    dataDir,
    runDir,
    guard,
    tuning,
  } = options;
  const version = Number(programs.patroniVersion.split('.')[0]);
  return stringify({
    scope: member.bookName,
    namespace: '/meridian/patroni/',
    name: member.name,
    log: { level: 'INFO' },
    restapi: {
      listen: `${region.ip}:${member.ports.patroni}`,
      connect_address: `${region.host}:${member.ports.patroni}`,
      authentication: { username: 'patroni', password: replicatedSecrets.patroni },
    },
    etcd3: {
      // As listed: the region's own member first, which no cut link can take away.
      use_proxies: true,
      hosts: region.etcd.map(({ host }) => `${host}:${region.ports.etcdClient}`),
    },
    bootstrap: bootstrap(version),
    postgresql: {
      listen: `${region.ip}:${member.ports.postgres}`,
      connect_address: `${region.host}:${member.ports.postgres}`,
      data_dir: dataDir,
      bin_dir: programs.postgresBin,
      pgpass: `${runDir}/pgpass`,
      authentication: {
        superuser: { username: 'postgres', password: secrets.postgres },
        // On one machine without TLS, no client need ask for it: one round trip less.
        replication: {
          username: 'replicator',
          password: replicatedSecrets.replication,
          sslmode: 'disable',
        },
      },
      // Patroni splits it like a shell.
      pre_promote: `'${guard}'`,
      // The regions' addresses and the links between them are all 127.*; name real ones here.
      pg_hba: [
        'host replication replicator 127.0.0.0/8 scram-sha-256',
        'host all all 127.0.0.0/8 scram-sha-256',
        'local all all scram-sha-256',
      ],
      remove_data_directory_on_rewind_failure: true,
      remove_data_directory_on_diverged_timelines: true,
      basebackup,
      parameters: {
        ...durability,
        // A commit is acknowledged when a second region has it on disk, or not at all.
        synchronous_standby_names: synchronousStandbyNames(layout, member.book),
        ...clients,
        ...replication,
        ...resources(tuning),
        unix_socket_directories: runDir,
      },
    },
    // On real hosts use "required": it ends a Postgres whose Patroni hangs.
    watchdog: { mode: 'off' },
  });
}

/** The initial configuration of a cluster; later Patroni keeps it in etcd. */
function bootstrap(patroniVersion: number) {
  return {
    dcs: {
      ...timing(patroniVersion),
      // A leader whose Postgres has crashed may hold commits that no other region has, visible
      // after recovery: another region takes over at once instead.
      primary_start_timeout: 0,
      // The promotion guard protects acknowledged commits; the unacknowledged rest of a large
      // batch must not keep a member from being promoted.
      maximum_lag_on_failover: 1024 ** 3,
      postgresql: {
        use_pg_rewind: true,
        // A slot for a replica appears only with the new leader's next turn: replicas, and
        // with them all commits, would wait for it. wal_keep_size replaces it.
        use_slots: false,
        parameters: {
          wal_log_hints: 'on',
          hot_standby: 'on',
          max_connections: REPLICATED_CONNECTIONS,
          max_locks_per_transaction: LOCKS_PER_TRANSACTION,
          max_wal_senders: 10,
          wal_keep_size: '1GB',
        },
      },
    },
    initdb: [{ encoding: 'UTF8' }, { locale: 'C' }, 'data-checksums'],
  };
}

/** A new copy would else wait for the leader's next checkpoint, which is spread over minutes. */
const basebackup = { checkpoint: 'fast' };

/** An acknowledged transfer is on disk: none of these may ever be relaxed. */
const durability = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  // After a crash of one backend the leader moves rather than restarts, see above.
  restart_after_crash: 'off',
};

/** Limits on what a client may block. */
const clients = {
  // A connection that never logs in occupies a slot no longer than that.
  authentication_timeout: '10s',
  // A copy whose replay waits for an auditor's query is not a candidate meanwhile, nor does the
  // promotion guard count it as one that follows.
  max_standby_streaming_delay: '3s',
};

/** A silent peer is given up after seconds, not after the default minute. */
const replication = {
  wal_sender_timeout: '5s',
  wal_receiver_timeout: '5s',
  wal_receiver_status_interval: '1s',
  wal_retrieve_retry_interval: '100ms',
  // Every byte of the journal of writes crosses to two other regions.
  wal_compression: 'lz4',
  tcp_keepalives_idle: 5,
  tcp_keepalives_interval: 2,
  tcp_keepalives_count: 2,
  client_connection_check_interval: '2s',
};

const resources = (tuning: SupervisorTuning) => ({
  ...tunedParameters({
    buffersMib: tuning.postgresBuffersMib,
    walMib: tuning.postgresWalMib,
    checkpointSeconds: tuning.postgresCheckpointSeconds,
  }),
  wal_buffers: '8MB',
  ...steadyWrites,
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %q%u@%d ',
  logging_collector: 'off',
  lc_messages: 'C',
  password_encryption: 'scram-sha-256',
});
