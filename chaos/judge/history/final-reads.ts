import type { AccountRow } from '../../../ledger/audit/account-fold.ts';
import type { AssetRow } from '../../../ledger/audit/asset-registry.ts';
import type { ChainedRow } from '../../../ledger/audit/journal-scan.ts';
import type { BookHead, ChannelRow } from '../../../ledger/audit/read-book.ts';
import type { AccountRead } from './operation.ts';

/** What one copy of a book has at the end of a run, all of one moment. */
export interface CopyRead extends CopyTables {
  /** All of its journal, in order of seq. */
  readonly rows: readonly ChainedRow[];
}

/** All of a copy but its journal. */
export interface CopyTables {
  readonly book: number;
  readonly region: string;
  readonly role: 'primary' | 'replica';
  readonly head: BookHead;
  readonly channels: readonly ChannelRow[];
  readonly accounts: readonly AccountRow[];
  readonly assets: readonly AssetRow[];
  /** As `BookTables` of the audit. */
  readonly completeSinceMicros: number;
  /** The view `balance`. */
  readonly balances: readonly AccountRead[];
  /** The view `trial_balance`. */
  readonly trialBalance: readonly TrialBalanceLine[];
  /** Why its rows could be changed, one sentence each; empty: they cannot. */
  readonly changeable: readonly string[];
  /** What a database should not be left with once everything is healed. */
  readonly preparedTransactions: number;
}

export interface TrialBalanceLine {
  readonly asset: string;
  readonly debits: string;
  readonly credits: string;
}

export interface FinalReads {
  readonly copies: readonly CopyRead[];
  /** What could not be read, one sentence each. */
  readonly missing: readonly string[];
}
