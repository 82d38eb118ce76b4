import type { Append } from '../store/append-batch.ts';
import type { LeaderStore } from '../store/book-store.ts';
import { StoreError } from '../store/store-error.ts';
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
 * @throws StoreError `known_id` if a key is in the journal already: nothing was written
 */
export async function commitBatch(
  store: LeaderStore,
  batch: Append,
  onHeldUp: OnHeldUp | undefined,
): Promise<boolean> {
  try {
    return await whileHeldUp(store.append(batch), onHeldUp);
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

/** True if the journal refused a batch because one of its ids is there already. */
export function isKnownId(error: unknown): boolean {
  return error instanceof StoreError && error.failure === 'known_id';
}

/** Returns the failure that a failed commit means for the callers that wait for it. */
function commitError(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  const { failure, message: text } = error;
  if (failure === 'read_only')
    return new LedgerError('not_leader', `no primary any more: ${text}`, error);
  if (error.nothingApplied) return new LedgerError('not_applied', text, error);
  return new LedgerError('outcome_unknown', `the commit was lost: ${text}`, error);
}
