import { ledgerTuning, type LedgerTuning } from '../../ledger/ledger-tuning.ts';
import { routerTuning, type RouterTuning } from '../../router/router-tuning.ts';
import type { Setting } from './setting.ts';
import { supervisorTuning, type SupervisorTuning } from './supervisor-tuning.ts';

/**
 * Every setting that has a default: the one list of which meridian.yaml, the servers' environment,
 * `meridian config` and docs/configuration.md are made. No value inside the bounds may lose money
 * or make an answer wrong; rules.ts refuses combinations that would not work.
 */

/** Least, most, unit and one line of help of a whole number. */
type Bounds = readonly [min: number, max: number, unit: string, help: string];

const ledger: Record<keyof LedgerTuning, Bounds> = {
  batchItems: [100, 16_000, 'items', 'transfers, accounts and legs in one commit'],
  // Less would refuse a call of the largest size permanently.
  queueItems: [64_000, 1_000_000, 'items', 'items that may wait; more are RESOURCE_EXHAUSTED'],
  queueMib: [16, 1_024, 'MiB', 'the same by size, as encoded'],
  dryRunItems: [1_000, 64_000, 'items', 'items of dry runs that may wait'],
  recentKeys: [4_096, 1_000_000, 'keys', 'decided keys kept in memory, twice'],
  redisTimeoutMs: [
    10,
    1_000,
    'ms',
    'a call of Redis that takes longer is given up; posting waits for it',
  ],
  redisTtlSeconds: [60, 2_592_000, 's', 'how long Redis keeps the keys of an idle book'],
  redisKeys: [10_000, 20_000_000, 'keys', 'keys of a book in Redis, twice, about 70 bytes each'],
  readConnections: [2, 32, 'connections', 'connections to the database for reads'],
  longReads: [1, 16, 'reads', 'searches and statements that run at once'],
  longReadsWaiting: [0, 10_000, 'reads', 'searches and statements that may wait'],
  longReadMs: [100, 60_000, 'ms', 'a search that takes longer is ended'],
  subscriptions: [1, 10_000, 'streams', 'subscriptions that may be open at a book'],
  subscriptionConnections: [1, 16, 'connections', 'connections to the database for subscribers'],
  subscriptionRows: [1, 1_000, 'rows', 'rows that a subscription reads at once'],
  // Each costs a read by id an index step, and a plan some time.
  journalPartitionRows: [100, 100_000_000, 'rows', 'rows of a new partition of the journal'],
  journalBareAbove: [
    0,
    100_000_000,
    'rows/s',
    'load from which on a partition gets the indexes of its accounts only when it is full',
  ],
  sweepMs: [10, 10_000, 'ms', 'how often holds are expired'],
  sweepHolds: [1, 4_000, 'holds', 'holds that expire in one commit'],
  settleLegs: [1, 3_000, 'legs', 'legs to another book in one call'],
  settleTimeoutMs: [1_000, 120_000, 'ms', 'how long another book may take to settle them'],
  settlePauseMaxMs: [50, 60_000, 'ms', 'longest pause before such a call is repeated'],
  probeMs: [100, 10_000, 'ms', 'how often a standby probes the leader (one shared database)'],
  probesFailed: [2, 20, 'probes', 'failed probes in a row before it takes over'],
  // Less would not hold a full batch of a router.
  messageMib: [64, 256, 'MiB', 'largest message'],
  connectionMib: [64, 1_024, 'MiB', 'requests in progress of one connection'],
  totalMib: [64, 4_096, 'MiB', 'requests in progress of all connections'],
  finishMs: [0, 60_000, 'ms', 'time to finish what is queued at a stop'],
  drainMs: [0, 60_000, 'ms', 'time to finish calls in progress at a stop'],
};

const router: Record<keyof RouterTuning, Bounds> = {
  pendingRows: [64_000, 1_000_000, 'rows', 'transfers and legs that may wait for one book'],
  batchRows: [100, 16_000, 'rows', 'transfers and legs in one batch'],
  batches: [1, 64, 'batches', 'batches on their way to one book'],
  largeBatchRows: [1, 16_000, 'rows', 'size from which a batch is sent beyond `batches`'],
  inFlightRows: [1_000, 64_000, 'rows', 'transfers and legs on their way to one book'],
  callsMib: [16, 1_024, 'MiB', 'transfers in progress, as encoded'],
  streamRequests: [1, 64_000, 'requests', 'unanswered requests of a StreamTransfers'],
  streamMib: [1, 64, 'MiB', 'the same by size, as encoded'],
  subscriptionsPerConnection: [1, 10_000, 'streams', 'subscriptions of one connection'],
  defaultDeadlineMs: [1_000, 120_000, 'ms', 'deadline of a call that has none'],
  longestDeadlineMs: [10_000, 600_000, 'ms', 'longest deadline that is honoured'],
  // A copy that is behind waits a quarter of a second itself.
  patienceMs: [300, 10_000, 'ms', 'wait for one copy before the next one is asked as well'],
  searchPatienceMs: [300, 30_000, 'ms', 'the same for searches and statements'],
  bookSilenceMs: [100, 60_000, 'ms', 'wait for one of several books that are asked at once'],
  // Less would refuse calls that the protocol promises to take.
  messageMib: [16, 64, 'MiB', 'largest message'],
  connectionMib: [16, 1_024, 'MiB', 'requests in progress of one connection'],
  totalMib: [16, 4_096, 'MiB', 'requests in progress of all connections'],
  drainMs: [0, 60_000, 'ms', 'time to finish calls in progress at a stop'],
};

const supervisor: Record<keyof SupervisorTuning, Bounds> = {
  ledgerHeapMib: [192, 65_536, 'MiB', 'heap of a ledger server; 320 hold a million accounts'],
  routerHeapMib: [192, 65_536, 'MiB', 'heap of a router'],
  redisMib: [32, 65_536, 'MiB', 'memory of a Redis'],
  postgresBuffersMib: [32, 1_048_576, 'MiB', 'shared_buffers of each Postgres'],
  postgresWalMib: [256, 1_048_576, 'MiB', 'max_wal_size of each Postgres, on disk'],
  postgresCheckpointSeconds: [30, 3_600, 's', 'checkpoint_timeout of each Postgres'],
  postgresConnections: [30, 1_000, 'connections', 'max_connections (embedded profile)'],
  logMib: [1, 1_024, 'MiB', 'size at which a log file is set aside; one older file is kept'],
  startSeconds: [5, 600, 's', 'time for a server to serve'],
  postgresStartSeconds: [30, 3_600, 's', 'time for a Postgres to recover and serve'],
  stopSeconds: [5, 300, 's', 'time for a server to stop before it is killed'],
};

/** The settings of one group; each has the default that the code has. */
function group<Name extends string>(
  of: 'ledger' | 'router' | 'supervisor',
  bounds: Readonly<Record<Name, Bounds>>,
  defaults: Readonly<Record<Name, number>>,
): Setting[] {
  const names = Object.keys(bounds).filter((name): name is Name => name in defaults);
  return names.map((name): Setting => {
    const [min, max, unit, help] = bounds[name];
    return {
      key: `${of}.${name}`,
      of,
      kind: 'number',
      byDefault: defaults[name],
      min,
      max,
      unit,
      help,
    };
  });
}

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

/** In the order of documents and of `config show`. */
export const settings: readonly Setting[] = [
  {
    key: 'logLevel',
    of: 'both',
    kind: 'choice',
    byDefault: 'info',
    choices: logLevels,
    help: 'the least severe level that servers log',
  },
  ...group('ledger', ledger, ledgerTuning),
  ...group('router', router, routerTuning),
  ...group('supervisor', supervisor, supervisorTuning),
];
