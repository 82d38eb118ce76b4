import type { Account, GetAccountsResponse } from '../../proto/gen/meridian/v1/account.ts';

/** Accounts in the order of the ids that asked for them, and the ids that are no accounts. */
export function inOrderAsked(
  ids: readonly bigint[],
  found: ReadonlyMap<bigint, Account>,
): Pick<GetAccountsResponse, 'accounts' | 'missing'> {
  const accounts: Account[] = [];
  const missing: bigint[] = [];
  for (const id of ids) {
    const account = found.get(id);
    if (account === undefined) missing.push(id);
    else accounts.push(account);
  }
  return { accounts, missing };
}
