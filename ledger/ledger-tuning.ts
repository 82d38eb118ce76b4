/**
 * What an operator may change of a ledger server, with its defaults. The entry point of the server
 * reads them from its environment; everything else is given them as values. What is not here is
 * part of the protocol (core/limits.ts), or holds whatever the machine: it stands as a constant
 * next to its reason. regions/config/settings.ts has the bounds: inside of them no value can lose
 * money, only time or memory.
 */
export interface LedgerTuning {
  /** Items (transfers, accounts, legs) of one batch, unless one call alone has more. */
  readonly batchItems: number;
  /** Items that may wait; beyond them work is refused at once. */
  readonly queueItems: number;
  /** The same in MiB, as encoded; in memory they take several times as much. */
  readonly queueMib: number;
  /** Items of all dry runs that may wait; beyond them work is refused at once. */
  readonly dryRunItems: number;
  /** Decided keys in memory, twice: enough to cover the batches whose keys are not in Redis yet. */
  readonly recentKeys: number;
  /** A call of Redis that takes longer is given up: Redis is there to save time. */
  readonly redisTimeoutMs: number;
  /** A book that decides nothing for this long loses what Redis knows of it. */
  readonly redisTtlSeconds: number;
  /** Ids in one generation; two are kept, about 70 bytes each in Redis. */
  readonly redisKeys: number;
  /** Connections to the database for reads. */
  readonly readConnections: number;
  /** So few of them may be taken by reads that can take long. */
  readonly longReads: number;
  /** Reads that may wait for one of these. */
  readonly longReadsWaiting: number;
  /** A read that takes longer is ended. */
  readonly longReadMs: number;
  /** Subscriptions that may be open; beyond them a subscriber is refused. */
  readonly subscriptions: number;
  /** Separate connections, so that subscribers that catch up take none from other reads. */
  readonly subscriptionConnections: number;
  /** Rows that are read and written at once; a slow subscriber keeps this number in memory. */
  readonly subscriptionRows: number;
  /**
   * Rows of a new partition of the journal: reads of accounts scan a bare one, which takes about
   * 0.1 ms per thousand rows, and a take-over builds its indexes first, 1.4 ms per thousand.
   */
  readonly journalPartitionRows: number;
  /**
   * Rows per second from which on a partition is filled without its indexes of versions, which
   * cost more than half of what a row costs Postgres. Until it is full, reads of accounts scan it.
   * 0: always.
   */
  readonly journalBareAbove: number;
  /** How often holds are looked for whose time is up: what they reserve is free that late. */
  readonly sweepMs: number;
  /** Holds that expire in one batch. */
  readonly sweepHolds: number;
  /** Legs to another book in one call. */
  readonly settleLegs: number;
  /** A call that settles legs at another book may take this long. */
  readonly settleTimeoutMs: number;
  /** Longest pause before a book that does not answer is called again. */
  readonly settlePauseMaxMs: number;
  /** How often a standby looks at the leader, where all members share one database. */
  readonly probeMs: number;
  /** How often in a row the leader must fail to answer before a standby takes over. */
  readonly probesFailed: number;
  /** The largest message. */
  readonly messageMib: number;
  /** Messages of one connection that are not answered. */
  readonly connectionMib: number;
  /** Messages of all connections that are not answered. */
  readonly totalMib: number;
  /** How long what is queued may take when the server stops. */
  readonly finishMs: number;
  /** How long calls in progress may take when the server stops. */
  readonly drainMs: number;
}

export const ledgerTuning: LedgerTuning = {
  batchItems: 4_000,
  queueItems: 64_000,
  queueMib: 32,
  dryRunItems: 16_000,
  recentKeys: 32_768,
  redisTimeoutMs: 250,
  redisTtlSeconds: 24 * 60 * 60,
  redisKeys: 500_000,
  readConnections: 4,
  longReads: 2,
  longReadsWaiting: 200,
  longReadMs: 5_000,
  subscriptions: 256,
  subscriptionConnections: 2,
  subscriptionRows: 200,
  journalPartitionRows: 500_000,
  journalBareAbove: 25_000,
  sweepMs: 100,
  sweepHolds: 1_000,
  settleLegs: 2_000,
  settleTimeoutMs: 10_000,
  settlePauseMaxMs: 1_000,
  probeMs: 500,
  probesFailed: 3,
  // A router gathers several calls into one batch, and legs travel 2,000 at a time.
  messageMib: 64,
  connectionMib: 128,
  totalMib: 256,
  finishMs: 3_000,
  drainMs: 5_000,
};
