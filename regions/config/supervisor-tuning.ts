/**
 * What an operator may change of the processes that `meridian up` starts, apart from what the
 * servers themselves read. Values of memory follow from the machine, see scale.ts.
 */
export interface SupervisorTuning {
  /** Heap of a ledger server: V8 uses what it is given before it collects garbage. */
  readonly ledgerHeapMib: number;
  readonly routerHeapMib: number;
  /** Memory of a Redis, which forgets the least used beyond it. */
  readonly redisMib: number;
  /** shared_buffers of each Postgres. */
  readonly postgresBuffersMib: number;
  /** max_wal_size of each Postgres: journal on disk before a checkpoint is made. */
  readonly postgresWalMib: number;
  /** checkpoint_timeout of each Postgres. */
  readonly postgresCheckpointSeconds: number;
  /** max_connections of each Postgres of the embedded profile. */
  readonly postgresConnections: number;
  /** Size at which a log file is set aside; one older file is kept. */
  readonly logMib: number;
  /** How long a server may take until it serves. */
  readonly startSeconds: number;
  /** The same for a Postgres: after a crash it reads up to `postgresWalMib` of journal. */
  readonly postgresStartSeconds: number;
  /** How long a server may take to stop before it is killed. */
  readonly stopSeconds: number;
}

/** On a machine that is large enough. */
export const supervisorTuning: SupervisorTuning = {
  // A ledger server that holds 140 MB would grow to 640 MB. 320 hold a million accounts (bench
  // part f), at the cost of about 6 % of the transfers per second.
  ledgerHeapMib: 320,
  routerHeapMib: 768,
  redisMib: 256,
  postgresBuffersMib: 128,
  // Checkpoints are rare, so that few pages are written to the journal in full.
  postgresWalMib: 4_096,
  postgresCheckpointSeconds: 900,
  // About ten for each of up to four books, and room for as many that are added while it runs.
  postgresConnections: 100,
  logMib: 32,
  startSeconds: 60,
  postgresStartSeconds: 300,
  stopSeconds: 10,
};
