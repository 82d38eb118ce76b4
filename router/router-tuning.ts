/**
 * What an operator may change of a router, with its defaults. The entry point of the router reads
 * them from its environment; everything else is given them as values. regions/config/settings.ts
 * has the bounds: inside of them no value can lose money, only time or memory.
 */
export interface RouterTuning {
  /** Transfers and legs for one book that may wait; beyond them a call is refused at once. */
  readonly pendingRows: number;
  /** Transfers and legs in one batch, unless one transfer alone has more. */
  readonly batchRows: number;
  /**
   * Batches on their way at the same time. Beyond these, what comes in waits and so gathers into
   * larger batches; only a large one goes at once, so that the ledger server has a full batch
   * ready when it has committed the one before.
   */
  readonly batches: number;
  /** From how many transfers and legs on a batch is a large one. */
  readonly largeBatchRows: number;
  /** Transfers and legs on their way at the same time. */
  readonly inFlightRows: number;
  /** Requests in progress, as encoded; in memory they take several times as much. */
  readonly callsMib: number;
  /** Requests of one stream without an answer that the caller has taken; then no more are read. */
  readonly streamRequests: number;
  /** The same in MiB, as encoded. */
  readonly streamMib: number;
  /** Subscriptions of one connection; ledger servers bound how many there are of all. */
  readonly subscriptionsPerConnection: number;
  /** The deadline of a call that has none. */
  readonly defaultDeadlineMs: number;
  /** Deadlines that are further away count as this. */
  readonly longestDeadlineMs: number;
  /** How long one copy is waited for before the next one is asked as well. */
  readonly patienceMs: number;
  /** The same for reads of which the caller decides how long they take. */
  readonly searchPatienceMs: number;
  /** How long a book of several may take to answer. */
  readonly bookSilenceMs: number;
  /** The largest message. */
  readonly messageMib: number;
  /** Messages of one connection that are not answered. */
  readonly connectionMib: number;
  /** Messages of all connections that are not answered. */
  readonly totalMib: number;
  /** How long calls in progress may take when the router stops. */
  readonly drainMs: number;
}

export const routerTuning: RouterTuning = {
  pendingRows: 100_000,
  batchRows: 4_000,
  batches: 4,
  largeBatchRows: 500,
  inFlightRows: 16_000,
  callsMib: 48,
  streamRequests: 4_000,
  streamMib: 4,
  subscriptionsPerConnection: 64,
  defaultDeadlineMs: 10_000,
  longestDeadlineMs: 120_000,
  // A copy that is behind waits for up to a quarter of a second itself to catch up.
  patienceMs: 400,
  searchPatienceMs: 2_000,
  bookSilenceMs: 2_000,
  // 8,000 transfers of up to 2 KiB each.
  messageMib: 16,
  connectionMib: 48,
  totalMib: 128,
  drainMs: 5_000,
};
