import postgres from 'postgres';

/**
 * True if the journal refused a row because its id, or the external id of an account, is there
 * already. Nothing of the batch was applied.
 */
export function isKnownId(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === '23505';
}

/** True if somebody else created the same object at the same moment. */
export function isCreatedMeanwhile(error: unknown): boolean {
  const codes = ['23505', '42710', '42P07'];
  return error instanceof postgres.PostgresError && codes.includes(error.code);
}

/**
 * True if the database itself said that the statement failed: it was rolled back, and nothing
 * of it was applied. Anything else (a lost connection above all) leaves the outcome unknown.
 * Class 57 is left out: a server that shuts down may have committed before it said so.
 */
export function isRolledBack(error: unknown): boolean {
  return error instanceof postgres.PostgresError && !error.code.startsWith('57');
}

/** True if the database takes no writes, because it follows another: nothing was applied. */
export function isReadOnly(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === '25006';
}

/** True if a table does not exist: the database was never migrated. */
export function isMissingTable(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === '42P01';
}

/** One line for a log: code and message, never parameters. */
export function describe(error: unknown): string {
  if (error instanceof postgres.PostgresError) return `${error.code} ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

/**
 * True for what a database, its driver or the way to it can throw; those carry a code. Anything
 * else is a bug of ours and must end the process rather than be tried again.
 */
export function isDatabaseError(error: unknown): boolean {
  return (
    error instanceof postgres.PostgresError ||
    (error instanceof Error && 'code' in error && typeof error.code === 'string')
  );
}
