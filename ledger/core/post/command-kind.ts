import type { Batch } from './batch.ts';
import type { CommandName, CommandOf, OutcomeOf } from './command.ts';

/** What a book must know of one kind of command to execute it. */
export interface CommandKind<K extends CommandName> {
  /** How many rows of the journal a command may lead to, about. */
  readonly rows: (command: CommandOf<K>) => number;
  /** Adds the accounts and originals that a command may look at. */
  readonly addNeeds: (needs: Needs, command: CommandOf<K>) => void;
  /** Executes a command. */
  readonly post: (batch: Batch, command: CommandOf<K>) => OutcomeOf<K>;
  /** True: a book that has lost rows posts it as well, so that its channels agree again. */
  readonly evenAfterLoss?: true;
}

/** The accounts and rows that a batch may look at, and must find in memory. */
export interface Needs {
  /** Number of the book that posts. */
  readonly book: number;
  /** An account may occur several times: a set of all would cost more than it saves. */
  readonly accounts: bigint[];
  /** Ids of rows. */
  readonly originals: Set<string>;
}
