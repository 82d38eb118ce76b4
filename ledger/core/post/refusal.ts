import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { UpTo, type Condition } from '../../../proto/gen/meridian/v1/movement.ts';
import { type Account, AccountFlag } from '../account.ts';
import { namedAsset } from '../asset.ts';
import type { Batch } from './batch.ts';
import { TOTAL_MAX } from '../limits.ts';
import type { TransferFields } from '../validate/same-request.ts';

/** The accounts of a transfer, as far as this book has them. */
export interface Parties {
  readonly debit: Account | undefined;
  readonly credit: Account | undefined;
  /** True: the payee is in another book, and it is for that book to judge it. */
  readonly away: boolean;
}

/** Parties that exist. `credit` is null if it is in another book. */
export interface FoundParties {
  readonly debit: Account;
  readonly credit: Account | null;
}

/** Why there is no such pair of accounts; otherwise the pair. In the order of `Reason`. */
export function findParties({ debit, credit, away }: Parties): Reason | FoundParties {
  if (debit === undefined || debit.transit) return Reason.DEBIT_ACCOUNT_NOT_FOUND;
  if (away) return { debit, credit: null };
  if (credit === undefined || credit.transit) return Reason.CREDIT_ACCOUNT_NOT_FOUND;
  return { debit, credit };
}

/** Why the assets do not fit each other or the request. */
export function assetRefusal(batch: Batch, asset: string, { debit, credit }: FoundParties): Reason {
  if (credit !== null && debit.asset !== credit.asset) return Reason.ASSET_MISMATCH;
  if (asset === '' || asset === debit.asset) return Reason.UNSPECIFIED;
  const { code, scale } = namedAsset(asset);
  if (code !== debit.asset) return Reason.ASSET_MISMATCH;
  return scale === batch.scaleOf(code) ? Reason.UNSPECIFIED : Reason.SCALE_MISMATCH;
}

/** Why the accounts may not pay or be paid at present. */
export function flagRefusal({ debit, credit }: FoundParties): Reason {
  const credited = credit === null ? 0 : credit.flags;
  if ((debit.flags | credited) === 0) return Reason.UNSPECIFIED;
  if ((debit.flags & AccountFlag.closed) !== 0) return Reason.DEBIT_ACCOUNT_CLOSED;
  if ((credited & AccountFlag.closed) !== 0) return Reason.CREDIT_ACCOUNT_CLOSED;
  if ((debit.flags & AccountFlag.frozenOut) !== 0) return Reason.DEBIT_ACCOUNT_FROZEN;
  if ((credited & AccountFlag.frozenIn) !== 0) return Reason.CREDIT_ACCOUNT_FROZEN;
  return Reason.UNSPECIFIED;
}

/** Which condition of the request is not met: versions come first. */
export function conditionRefusal(batch: Batch, { conditions }: TransferFields): Reason {
  if (conditions === undefined) return Reason.UNSPECIFIED;
  const failed = conditions.allOf.filter((condition) => !isMet(batch, condition));
  if (failed.length === 0) return Reason.UNSPECIFIED;
  return failed.some(({ test }) => test?.$case === 'version')
    ? Reason.VERSION_MISMATCH
    : Reason.CONDITION_NOT_MET;
}

function isMet(batch: Batch, { accountId, test }: Condition): boolean {
  const account = batch.account(accountId);
  if (account === undefined || account.transit) return false;
  switch (test?.$case) {
    case 'balanceAtLeast':
      return availableOf(account) >= test.value;
    case 'balanceAtMost':
      return expectedOf(account) <= test.value;
    case 'version':
      return BigInt(account.version) === test.value;
    case undefined:
      return true;
  }
}

/** Balance less what is held of it. */
export function availableOf({ credits, debits, heldDebits }: Account): bigint {
  return credits - debits - heldDebits;
}

/** Balance and what is held in its favour. */
export function expectedOf({ credits, debits, heldCredits }: Account): bigint {
  return credits - debits + heldCredits;
}

/** How much of the asked amount the limits leave, if the request leaves that open. */
export function amountWithin(
  { upTo, amount }: TransferFields,
  { debit, credit }: FoundParties,
): bigint {
  let most = amount;
  if (upTo === UpTo.DEBIT_AVAILABLE || upTo === UpTo.BOTH) {
    const { minBalance } = debit;
    if (minBalance !== null) most = smaller(most, availableOf(debit) - minBalance);
  }
  if ((upTo === UpTo.CREDIT_ROOM || upTo === UpTo.BOTH) && credit !== null) {
    const { maxBalance } = credit;
    if (maxBalance !== null) most = smaller(most, maxBalance - expectedOf(credit));
  }
  return most;
}

const smaller = (a: bigint, b: bigint) => (a < b ? a : b);

/** Why an amount cannot be moved or held: totals and limits, holds included. */
export function amountRefusal({ debit, credit }: FoundParties, amount: bigint): Reason {
  if (amount <= 0n) return Reason.NOTHING_AVAILABLE;
  if (debit.debits + debit.heldDebits + amount > TOTAL_MAX) return Reason.OVERFLOW;
  if (credit !== null && credit.credits + credit.heldCredits + amount > TOTAL_MAX) {
    return Reason.OVERFLOW;
  }
  const { minBalance } = debit;
  if (minBalance !== null && availableOf(debit) - amount < minBalance) {
    return Reason.INSUFFICIENT_FUNDS;
  }
  if (credit !== null && risesAbove(credit, amount)) return Reason.MAX_BALANCE_EXCEEDED;
  return Reason.UNSPECIFIED;
}

/** True if the account could not take the amount in without breaking its upper limit. */
export function risesAbove(account: Account, amount: bigint): boolean {
  const { maxBalance } = account;
  return maxBalance !== null && expectedOf(account) + amount > maxBalance;
}
