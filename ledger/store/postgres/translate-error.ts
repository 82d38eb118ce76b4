import { StoreError, type StoreFailure } from '../store-error.ts';
import {
  describe,
  isDatabaseError,
  isKnownId,
  isMissingTable,
  isReadOnly,
  isRolledBack,
} from './sqlstate.ts';
import { isTimeUp } from './time-limit.ts';

/** Asks Postgres. @throws StoreError for each failure of the database or of the way to it */
export async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof StoreError || !isDatabaseError(error)) throw error;
    throw new StoreError(failureOf(error), describe(error), error);
  }
}

function failureOf(error: unknown): StoreFailure {
  if (isKnownId(error)) return 'known_id';
  if (isReadOnly(error)) return 'read_only';
  if (isMissingTable(error)) return 'no_schema';
  if (isTimeUp(error)) return 'time_up';
  return isRolledBack(error) ? 'refused' : 'lost';
}
