import type { LedgerTuning } from '../../ledger/ledger-tuning.ts';
import type { Random } from '../../ledger/core/random.ts';

/** Kinds of requests. */
export type OperationKind =
  | 'transfer'
  | 'across'
  | 'hold'
  | 'capture'
  | 'release'
  | 'reversal'
  | 'group'
  | 'freeze';

/** Kinds of faults. */
export type FaultKind =
  | 'crashDatabase'
  | 'crashLedger'
  | 'crashRouter'
  | 'crashRegion'
  | 'freezeDatabase'
  | 'freezeLedger'
  | 'freezeRegion'
  | 'isolateRegion'
  | 'cutLink'
  | 'cutOneWay'
  | 'cancelWait'
  | 'terminateWait'
  | 'loseTail'
  | 'crashInWait'
  | 'redisDown'
  | 'redisFlush'
  | 'redisPast'
  | 'redisJunk'
  | 'clockJump'
  | 'slowLink';

/** Settings of the ledger servers that a run draws. */
export type DrawnTuning = Pick<
  LedgerTuning,
  'batchItems' | 'recentKeys' | 'journalPartitionRows' | 'journalBareAbove'
>;

/** Everything that is drawn from the seed before the run begins: no two runs stress the same. */
export interface Swarm {
  readonly books: number;
  readonly accounts: number;
  readonly clients: number;
  readonly readers: number;
  /** Between two requests of a client, on average. */
  readonly thinkMs: number;
  readonly deadlineMs: number;
  /** How often a client asks again without an answer, and repeats an answered key. */
  readonly askAgain: number;
  readonly repeatKey: number;
  readonly alterBody: number;
  readonly loss: number;
  readonly repeat: number;
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly faultsMs: number;
  /** Between two faults, on average. */
  readonly faultEveryMs: number;
  readonly faultMs: number;
  /** True: a region is lost, and the others must recover without it. */
  readonly permanentLoss: boolean;
  readonly operations: Readonly<Record<OperationKind, number>>;
  /** How often a client asks for several transfers within a book in one call. */
  readonly together: number;
  /** How often such a call has one transfer that is not plain. */
  readonly mixed: number;
  /** Share of calls whose keys are UUIDs: only those can be of plain transfers. */
  readonly uuidKeys: number;
  /** So small that batches are full, keys are forgotten and partitions open and close. */
  readonly tuning: DrawnTuning;
  readonly faults: Readonly<Record<FaultKind, number>>;
}

export function drawSwarm(random: Random): Swarm {
  // Many weights are zero: the faults that a run leaves out matter as much as those it has.
  const weight = () => (random.chance(0.35) ? 0 : random.between(0.2, 1));
  // In many runs nearly everything is a plain transfer within a book.
  const rest = random.chance(0.6) ? 0.1 : 1;
  return {
    books: random.chance(0.85) ? 2 : 3,
    accounts: 3 + random.below(4),
    clients: 2 + random.below(5),
    thinkMs: random.between(50, 250),
    deadlineMs: random.between(300, 3000),
    askAgain: random.between(0.2, 0.9),
    repeatKey: random.chance(0.5) ? random.between(0, 0.3) : 0,
    alterBody: random.chance(0.5) ? random.between(0, 0.15) : 0,
    loss: random.chance(0.5) ? random.between(0, 0.15) : 0,
    repeat: random.chance(0.5) ? random.between(0, 0.3) : 0,
    delayMs: random.between(1, 40),
    jitterMs: random.between(0, 60),
    faultsMs: random.between(2500, 6000),
    faultEveryMs: random.between(250, 1800),
    faultMs: random.between(150, 3000),
    permanentLoss: random.chance(0.25),
    operations: {
      transfer: random.between(0.5, 3),
      across: random.between(0.2, 1) * rest,
      hold: weight() * rest,
      capture: weight() * rest,
      release: (weight() / 2) * rest,
      reversal: (weight() / 2) * rest,
      group: (weight() / 2) * rest,
      freeze: (weight() / 3) * rest,
    },
    faults: {
      crashDatabase: weight(),
      crashLedger: weight(),
      crashRouter: weight() / 4,
      crashRegion: weight() / 2,
      freezeDatabase: weight(),
      freezeLedger: weight(),
      freezeRegion: weight(),
      isolateRegion: weight(),
      cutLink: weight(),
      cutOneWay: weight(),
      cancelWait: weight(),
      terminateWait: weight(),
      loseTail: weight(),
      crashInWait: weight(),
      redisDown: weight() / 3,
      redisFlush: weight() / 3,
      redisPast: weight() / 3,
      redisJunk: weight() / 2,
      clockJump: weight() / 3,
      slowLink: weight() / 2,
    },
    readers: 1 + random.below(4),
    together: random.between(0.3, 0.95),
    mixed: random.chance(0.4) ? random.between(0, 0.3) : 0,
    uuidKeys: random.chance(0.9) ? random.between(0.8, 1) : 0.2,
    tuning: {
      batchItems: random.chance(0.6) ? 6 + random.below(30) : 4_000,
      recentKeys: random.chance(0.6) ? 4 + random.below(40) : 32_768,
      // To add one takes two round trips, and all that is unknown at the end is asked again at once.
      journalPartitionRows: random.chance(0.8) ? 60 + random.below(90) : 5_000,
      journalBareAbove: random.pick([0, 20, 25_000]),
    },
  };
}
