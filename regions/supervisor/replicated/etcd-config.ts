import { stringify } from 'yaml';
import type { ReplicatedLayout, ReplicatedRegion } from '../../topology/replicated-layout.ts';

/**
 * The configuration of one region's member of etcd, which holds who leads each book. Where the
 * members are three real hosts, only names and addresses differ, and TLS is added.
 */

/**
 * The interval of the leader's heartbeats, and how long followers wait without one before they
 * elect another. The slowest pair of regions needs 220 ms there and
 * back, so a vote fits into half a second.
 */
const HEARTBEAT_MS = 50;
const ELECTION_MS = 500;

export function etcdConfig(
  layout: ReplicatedLayout,
  region: ReplicatedRegion,
  dataDir: string,
): string {
  const { etcdClient, etcdPeer } = region.ports;
  return stringify({
    name: region.name,
    'data-dir': dataDir,
    'listen-client-urls': `http://${region.ip}:${etcdClient}`,
    'advertise-client-urls': `http://${region.host}:${etcdClient}`,
    'listen-peer-urls': `http://${region.ip}:${etcdPeer}`,
    'initial-advertise-peer-urls': `http://${region.host}:${etcdPeer}`,
    'initial-cluster': layout.regions
      .map(({ name, host, ports }) => `${name}=http://${host}:${ports.etcdPeer}`)
      .join(','),
    'initial-cluster-state': 'new',
    'initial-cluster-token': `meridian-${layout.basePort}`,
    'heartbeat-interval': HEARTBEAT_MS,
    'election-timeout': ELECTION_MS,
    // Patroni and the commands speak JSON to it; a configuration file turns that off by default.
    'enable-grpc-gateway': true,
    'auto-compaction-mode': 'periodic',
    'auto-compaction-retention': '1h',
    logger: 'zap',
    'log-level': 'warn',
  });
}
