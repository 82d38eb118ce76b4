import { stringify } from 'yaml';
import type { ReplicatedLayout, ReplicatedRegion } from '../../topology/replicated-layout.ts';

/**
 * The configuration of one region's member of etcd, which holds who leads each book. Where the
 * members are real hosts, only names and addresses differ, and TLS is added.
 */

/** How long followers wait without a heartbeat of the leader before they elect another. */
const ELECTION_LEAST_MS = 500;
/**
 * A vote must fit into that time, which is therefore at least this number of round trips between
 * the two members furthest from each other: 220 ms in the default topology.
 */
const ELECTION_ROUND_TRIPS = 2.25;
const HEARTBEATS_PER_ELECTION = 10;

/** Milliseconds. */
function electionTimeout({ regions, links }: ReplicatedLayout): number {
  const members = new Set(regions.filter(({ hasEtcd }) => hasEtcd).map(({ name }) => name));
  const delays = links
    .filter(({ from, to }) => members.has(from) && members.has(to))
    .map(({ delayMs }) => delayMs);
  const roundTripMs = Math.max(...delays) * 2;
  return Math.max(ELECTION_LEAST_MS, Math.ceil(roundTripMs * ELECTION_ROUND_TRIPS));
}

export function etcdConfig(
  layout: ReplicatedLayout,
  region: ReplicatedRegion,
  dataDir: string,
): string {
  const { etcdClient, etcdPeer } = region.ports;
  const electionMs = electionTimeout(layout);
  return stringify({
    name: region.name,
    'data-dir': dataDir,
    'listen-client-urls': `http://${region.ip}:${etcdClient}`,
    'advertise-client-urls': `http://${region.host}:${etcdClient}`,
    'listen-peer-urls': `http://${region.ip}:${etcdPeer}`,
    'initial-advertise-peer-urls': `http://${region.host}:${etcdPeer}`,
    'initial-cluster': layout.regions
      .filter(({ hasEtcd }) => hasEtcd)
      .map(({ name, host, ports }) => `${name}=http://${host}:${ports.etcdPeer}`)
      .join(','),
    'initial-cluster-state': 'new',
    'initial-cluster-token': `meridian-${layout.basePort}`,
    'heartbeat-interval': Math.round(electionMs / HEARTBEATS_PER_ELECTION),
    'election-timeout': electionMs,
    // Patroni and the commands speak JSON to it; a configuration file turns that off by default.
    'enable-grpc-gateway': true,
    'auto-compaction-mode': 'periodic',
    'auto-compaction-retention': '1h',
    logger: 'zap',
    'log-level': 'warn',
  });
}
