import type { Caller } from '../client/caller.ts';
import type { CallResult } from '../client/call-result.ts';
import type { BookRead, Position, ReadLevel } from '../../judge/history/operation.ts';
import type { OwnAccount } from './own-account.ts';

/** Reads some accounts by the API. */
export function readAccounts(
  caller: Caller,
  accounts: readonly OwnAccount[],
  level: Exclude<ReadLevel, 'auditor'>,
  minPosition: Position | null = null,
): Promise<CallResult<readonly BookRead[]>> {
  const books = [...new Set(accounts.map(({ book }) => book))];
  const ids = accounts.map(({ id }) => String(id));
  return caller.balances({ level, minPosition, books, accounts: ids });
}

/** Reads all accounts of books by the views of the copies, one book after the other. */
export function readAsAuditor(
  caller: Caller,
  books: readonly number[],
): Promise<CallResult<readonly BookRead[]>> {
  return caller.balances({ level: 'auditor', minPosition: null, books });
}

/** The version that a read of one account found; undefined: it found none. */
export function versionRead(result: CallResult<readonly BookRead[]>): number | undefined {
  return result.type === 'ok' ? result.reply[0]?.accounts[0]?.version : undefined;
}
