import type { AuditedAccount } from '../../../ledger/audit/account-fold.ts';
import type { AssetRow } from '../../../ledger/audit/asset-registry.ts';
import type { ChainedRow } from '../../../ledger/audit/chain-fold.ts';
import type { BookHead, ChannelRow } from '../../../ledger/audit/read-book.ts';
import type { AccountRead } from './operation.ts';

/** The content of one copy of a book at the end of a run, at one moment. */
export interface CopyRead extends CopyTables {
  /** Its whole journal, in order of seq. */
  readonly rows: readonly ChainedRow[];
}

/** A copy without its journal. */
export interface CopyTables {
  readonly book: number;
  readonly region: string;
  readonly role: 'primary' | 'replica';
  readonly head: BookHead;
  readonly channels: readonly ChannelRow[];
  readonly accounts: readonly AuditedAccount[];
  readonly assets: readonly AssetRow[];
  /** As `BookTables` of the audit. */
  readonly completeSinceMicros: number;
  /** The view `balance`. */
  readonly balances: readonly AccountRead[];
  /** The view `trial_balance`. */
  readonly trialBalance: readonly TrialBalanceLine[];
  /** Why its rows could be changed, one sentence each; empty: they cannot. */
  readonly changeable: readonly string[];
  /** The partitions of its journal; undefined: of a run whose journals had none. */
  readonly partitions?: PartitionsRead;
  /** Prepared transactions left after everything is healed; a healthy database has none. */
  readonly preparedTransactions: number;
}

export interface PartitionsRead {
  readonly count: number;
  /** What is wrong with them, one sentence each; empty: nothing. */
  readonly wrong: readonly string[];
}

export interface TrialBalanceLine {
  readonly asset: string;
  readonly debits: string;
  readonly credits: string;
}

export interface FinalReads {
  readonly copies: readonly CopyRead[];
  /** Parts that could not be read, one sentence each. */
  readonly missing: readonly string[];
}
