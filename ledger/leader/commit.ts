import { type Append, append } from '../store/append.ts';
import type { Sql } from '../store/connect.ts';
import {
  describe,
  isDatabaseError,
  isKnownId,
  isReadOnly,
  isRolledBack,
} from '../store/sqlstate.ts';
import { LedgerError } from './ledger-error.ts';

/** A commit that takes longer is held up: a second region should answer in a fraction of it. */
const HELD_UP_MS = 1_000;

/** Called when a commit takes long, and when it is over. */
export type OnHeldUp = (heldUp: boolean) => void;

/**
 * Commits a batch.
 *
 * @returns false if the head has moved: nothing was written
 * @throws LedgerError with what is known of the outcome
 * @throws PostgresError of isKnownId if a key is in the journal already: nothing was written
 */
export async function commitBatch(
  sql: Sql,
  batch: Append,
  onHeldUp: OnHeldUp | undefined,
): Promise<boolean> {
  try {
    return await whileHeldUp(append(sql, batch), onHeldUp);
  } catch (error) {
    throw isKnownId(error) ? error : commitError(error);
  }
}

/** Waits for a commit, and reports when that takes long. */
export async function whileHeldUp<T>(
  committing: Promise<T>,
  onHeldUp: OnHeldUp | undefined,
): Promise<T> {
  if (onHeldUp === undefined) return committing;
  let heldUp = false;
  const timer = setTimeout(() => {
    heldUp = true;
    onHeldUp(true);
  }, HELD_UP_MS);
  try {
    return await committing;
  } finally {
    clearTimeout(timer);
    if (heldUp) onHeldUp(false);
  }
}

/** Returns the failure that a failed commit means for the callers that wait for it. */
function commitError(error: unknown): unknown {
  if (!isDatabaseError(error)) return error;
  const text = describe(error);
  if (isReadOnly(error))
    return new LedgerError('not_leader', `no primary any more: ${text}`, error);
  if (isRolledBack(error)) return new LedgerError('not_applied', text, error);
  return new LedgerError('outcome_unknown', `the commit was lost: ${text}`, error);
}
