import type { DrainMark } from '../etcd/drained.ts';
import type { RegionName } from '../topology/layout.ts';
import type { Outgoing } from './facts.ts';
import type { ObjectionCode } from './objection.ts';

/** The state of an installation, for people and drills; it contains no secrets. */
export interface InstallationStatus {
  /** When the questions were sent, as ISO 8601. */
  readonly at: string;
  readonly tookMs: number;
  /** False: etcd has no majority, so no book can get another leader. */
  readonly coordinated: boolean;
  readonly regions: readonly RegionStatus[];
  readonly books: readonly BookStatus[];
}

export interface RegionStatus {
  readonly name: RegionName;
  readonly router: 'serving' | 'not serving';
  /** None: with four or with more than five regions, not each has a member. */
  readonly etcd: 'serving' | 'not serving' | 'none';
  /** Undefined: it takes calls and books. Null: unknown, because etcd did not answer. */
  readonly drained: DrainMark | null | undefined;
}

export interface BookStatus {
  readonly book: number;
  readonly name: string;
  readonly home: RegionName;
  /** The member whose ledger server leads the book; undefined while none does. */
  readonly leader: LeaderStatus | undefined;
  /** Regions of the members whose Postgres is a primary: one, unless something is wrong. */
  readonly primaries: readonly RegionName[];
  /** Undefined: no copy could be asked. */
  readonly fenced: boolean | undefined;
  readonly members: readonly MemberReport[];
  readonly exposure: Exposure;
  readonly failovers: readonly FailoverStatus[];
  /** Money in transit to other books, read from the leader, or else from the newest copy. */
  readonly outgoing: readonly Outgoing[];
}

export interface LeaderStatus {
  readonly region: RegionName;
  readonly member: string;
  readonly epoch: number;
  readonly ledgerAddress: string;
}

export interface MemberReport {
  readonly name: string;
  readonly region: RegionName;
  readonly role: 'leader' | 'synchronous standby' | 'standby' | 'unknown';
  /** Such as streaming, running, starting, stopped, no answer. */
  readonly state: string;
  readonly timeline: number | undefined;
  readonly ledger: 'leading' | 'standing by' | 'no answer';
  readonly epoch: number | undefined;
  /** What is wrong with the clocks of its ledger server; empty: nothing, as far as is known. */
  readonly clockAlarm: string;
  /** `PARTITION_…` of the ledger server that leads, each with its reason. */
  readonly partitionAlarms: readonly string[];
  /** Log that the leader, or else the newest copy, has on disk and this copy has not. */
  readonly lagBytes: number | undefined;
  /** How old the newest transaction is that can be read here, while some are missing. */
  readonly lagMs: number | undefined;
}

/** What would be lost if the leader's region were lost permanently at this moment. */
export interface Exposure {
  /** True: no acknowledged transfer would be lost. */
  readonly safe: boolean;
  readonly because: string;
  /** Acknowledged log that no other region has, if that is known. */
  readonly bytes: number | undefined;
}

/** Whether a book may be given to a region now without its leader's help. */
export interface FailoverStatus {
  readonly to: RegionName;
  readonly safe: boolean;
  readonly because: string;
  /** Codes of the reasons against it; empty: it is safe. */
  readonly codes: readonly ObjectionCode[];
}
