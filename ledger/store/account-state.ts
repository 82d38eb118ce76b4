import type { AccountState } from '../../proto/gen/meridian/v1/event.ts';

/** Totals of an account after one of its versions, as they are stored. */
export interface AccountTotals {
  readonly debits: bigint;
  readonly credits: bigint;
  readonly heldDebits: bigint;
  readonly heldCredits: bigint;
  readonly version: bigint;
}

/** The totals of an account, and the balances that follow from them, as callers see them. */
export function accountState(accountId: bigint, totals: AccountTotals): AccountState {
  const balance = totals.credits - totals.debits;
  return { accountId, ...totals, balance, available: balance - totals.heldDebits };
}
