import type { RegionName } from '../topology/layout.ts';
import type { MemberState } from '../topology/state.ts';

/**
 * What the parts of a replicated installation report about themselves at one moment. A part that
 * did not answer in time is undefined: its state is unknown.
 */

/** Why a part did not answer, for people. */
export interface Silence {
  readonly silent: string;
}
export type Answer<T> = T | Silence;

export function answered<T extends object>(answer: Answer<T>): T | undefined {
  return 'silent' in answer ? undefined : answer;
}

/** What a member's Patroni reports. */
export interface PatroniFacts {
  /** Such as running, starting, stopped. */
  readonly state: string;
  readonly primary: boolean;
  readonly timeline: number | undefined;
  readonly paused: boolean;
  readonly version: string;
}

/** A standby as its primary sees it. */
export interface StandbyFacts {
  readonly name: string;
  readonly streaming: boolean;
  /** True: commits are acknowledged as soon as it, or another like it, has them. */
  readonly synchronous: boolean;
  /** How far it has the log on disk, in bytes since the log began. */
  readonly flushed: bigint;
  /** How long the newest part took to get there; null when nothing is in transit. */
  readonly flushLagMs: number | null;
}

export interface HeadFacts {
  readonly epoch: number;
  readonly leader: string;
  readonly seq: number;
  readonly fenced: boolean;
}

/** What a member's Postgres reports. */
export interface PostgresFacts {
  readonly standby: boolean;
  /** How far the log is on disk here, in bytes since the log began. */
  readonly flushed: bigint;
  /** How far it has been replayed; the same on a primary. */
  readonly replayed: bigint;
  /** Since the newest transaction replayed here was committed; null on a primary. */
  readonly replayAgeMs: number | null;
  /** The setting, such as "*" or a list of names; empty: commits wait for no replica. */
  readonly synchronousNames: string;
  readonly synchronousCommit: string;
  /** Who streams from it. */
  readonly standbys: readonly StandbyFacts[];
  /** Undefined: no ledger server has ever led the book. */
  readonly head: HeadFacts | undefined;
  readonly outgoing: readonly Outgoing[];
}

/** Money in transit from this book to another one. */
export interface Outgoing {
  readonly toBook: number;
  readonly asset: string;
  /** Decimal digits of the minor unit. */
  readonly scale: number;
  readonly transfers: number;
  /** In minor units. */
  readonly amount: bigint;
  readonly oldestAgeMs: number;
}

/** What a member's ledger server reports. */
export interface LedgerFacts {
  readonly epoch: number;
  readonly leading: boolean;
  readonly serving: boolean;
  /** What is wrong with its clocks, in a sentence; empty: nothing. */
  readonly clockAlarm: string;
  /** What an operator must look at in the partitions of the journal, while it leads. */
  readonly partitionAlarms: readonly string[];
}

export interface MemberFacts {
  readonly member: MemberState;
  readonly patroni: Answer<PatroniFacts>;
  readonly postgres: Answer<PostgresFacts>;
  readonly ledger: Answer<LedgerFacts>;
}

/** What Patroni has written to etcd about one book, read with the agreement of a majority. */
export interface CoordinationFacts {
  /** Name of the member that holds the leader's lease. */
  readonly leader: string | undefined;
}

/** Which regions of etcd answer and whether they agree on anything. */
export interface EtcdFacts {
  /** Regions whose etcd member reports that it is part of a majority. */
  readonly healthy: readonly RegionName[];
  readonly members: number;
}
