import type { ChangeAccountRequest } from '../../../proto/gen/meridian/v1/account.ts';
import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';
import { accountNow } from './fold.ts';
import { firstReason } from './precedence.ts';
import { type ModelBook, usable } from './model-state.ts';

/** Why an account may not be changed so; UNSPECIFIED if it may. */
export function changeReason(
  book: ModelBook,
  { accountId, change, expectedVersion }: ChangeAccountRequest,
): Reason {
  const account = usable(book, accountId);
  if (account === undefined) return Reason.ACCOUNT_NOT_FOUND;
  const now = accountNow(book, account);
  const closes = change?.$case === 'close';
  const reopens = change?.$case === 'reopen';
  const { minBalance, maxBalance } = change?.$case === 'limits' ? change.value : {};
  return firstReason([
    [Reason.ACCOUNT_CLOSED, now.closed && !reopens],
    [Reason.ACCOUNT_NOT_CLOSED, !now.closed && reopens],
    [
      Reason.VERSION_MISMATCH,
      expectedVersion !== undefined && BigInt(now.version) !== expectedVersion,
    ],
    [Reason.BALANCE_NOT_ZERO, closes && now.balance !== 0n],
    [Reason.ACCOUNT_HAS_HOLDS, closes && (now.heldDebits !== 0n || now.heldCredits !== 0n)],
    [Reason.BALANCE_OUTSIDE_LIMITS, minBalance !== undefined && now.available < minBalance],
    [Reason.BALANCE_OUTSIDE_LIMITS, maxBalance !== undefined && now.expected > maxBalance],
  ]);
}
