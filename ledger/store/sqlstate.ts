import postgres from 'postgres';

/**
 * True if the journal refused a row because its id, or the external id of an account, is there
 * already. Nothing of the batch was applied.
 */
export function isKnownId(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === '23505';
}

/**
 * True if the database itself said that the statement failed: it was rolled back, and nothing
 * of it was applied. Anything else (a lost connection above all) leaves the outcome unknown.
 * Class 57 is left out: a server that shuts down may have committed before it said so.
 */
export function isRolledBack(error: unknown): boolean {
  return error instanceof postgres.PostgresError && !error.code.startsWith('57');
}

/** One line for a log: code and message, never parameters. */
export function describe(error: unknown): string {
  if (error instanceof postgres.PostgresError) return `${error.code} ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
