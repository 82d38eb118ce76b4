import type { Acknowledged } from '../load/job.ts';
import type { DatabaseUse } from './database-use.ts';

/** A book whose content is compared with what was acknowledged. */
export interface CheckedBook {
  /**
   * Remembers where the book is. The function that it returns finds what is wrong with the book
   * since; empty if nothing is. No posting may go on then.
   */
  readonly begin: () => Promise<(acknowledged: Acknowledged | undefined) => Promise<string[]>>;
  /** What its Postgres has done so far. */
  readonly databaseUse: () => Promise<DatabaseUse>;
  /** Resolves when its Postgres builds no index. */
  readonly indexesBuilt: () => Promise<void>;
}
