/**
 * What is known of a failure:
 *
 * - `known_id`: the id of a row, or the external id of an account, is in the book already
 * - `read_only`: this copy takes no writes, because it follows another
 * - `refused`: the database reported a failure and rolled back
 * - `no_schema`: the database was never migrated
 * - `time_up`: a read took longer than it may, or its caller gave it up
 * - `in_doubt`: a commit stands in this copy, but perhaps in no other (`CommitInDoubt`)
 * - `lost`: the connection failed, or the server was shutting down; a commit may have been made
 */
export type StoreFailure =
  | 'known_id'
  | 'read_only'
  | 'refused'
  | 'no_schema'
  | 'time_up'
  | 'in_doubt'
  | 'lost';

/** After any other failure a commit may stand. */
const NOTHING_APPLIED: ReadonlySet<StoreFailure> = new Set([
  'known_id',
  'read_only',
  'refused',
  'no_schema',
]);

/**
 * Why a store did not do what it was asked. Anything else that a store throws is a bug, and must
 * end the process rather than be tried again.
 *
 * The message is one line for a log, and never contains the values of a request.
 */
export class StoreError extends Error {
  override readonly name: string = 'StoreError';
  readonly failure: StoreFailure;

  constructor(failure: StoreFailure, message: string, cause?: unknown) {
    super(message, { cause });
    this.failure = failure;
  }

  /** True: nothing of what was to be written was written. */
  get nothingApplied(): boolean {
    return NOTHING_APPLIED.has(this.failure);
  }
}

/**
 * A commit stands in the database that was asked, but perhaps in no other: its wait for a
 * synchronous standby was cut short. Others may see it already, and it may still be lost.
 */
export class CommitInDoubt extends StoreError {
  override readonly name = 'CommitInDoubt';

  constructor(message: string) {
    super('in_doubt', message);
  }
}

/** One line for a log. */
export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
