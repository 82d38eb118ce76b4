import { Reason } from '../../../proto/gen/meridian/v1/reason.ts';

/** All reasons, that which is answered before the others first. */
export const PRECEDENCE: readonly Reason[] = [
  Reason.IDEMPOTENCY_KEY_REUSED,
  Reason.GROUP_FAILED,
  Reason.HOLD_NOT_FOUND,
  Reason.HOLD_HAS_DIFFERENT_ACCOUNT,
  Reason.HOLD_CAPTURED,
  Reason.HOLD_RELEASED,
  Reason.HOLD_EXPIRED,
  Reason.HOLD_EXCEEDED,
  Reason.TRANSFER_NOT_FOUND,
  Reason.TRANSFER_NOT_REVERSIBLE,
  Reason.TRANSFER_HAS_DIFFERENT_ACCOUNTS,
  Reason.REVERSAL_EXCEEDED,
  Reason.DEBIT_ACCOUNT_NOT_FOUND,
  Reason.CREDIT_ACCOUNT_NOT_FOUND,
  Reason.ASSET_MISMATCH,
  Reason.SCALE_MISMATCH,
  Reason.DEBIT_ACCOUNT_CLOSED,
  Reason.CREDIT_ACCOUNT_CLOSED,
  Reason.DEBIT_ACCOUNT_FROZEN,
  Reason.CREDIT_ACCOUNT_FROZEN,
  Reason.ACCOUNT_NOT_FOUND,
  Reason.ACCOUNT_CLOSED,
  Reason.ACCOUNT_NOT_CLOSED,
  Reason.VERSION_MISMATCH,
  Reason.CONDITION_NOT_MET,
  Reason.BALANCE_NOT_ZERO,
  Reason.ACCOUNT_HAS_HOLDS,
  Reason.BALANCE_OUTSIDE_LIMITS,
  Reason.NOTHING_AVAILABLE,
  Reason.OVERFLOW,
  Reason.INSUFFICIENT_FUNDS,
  Reason.MAX_BALANCE_EXCEEDED,
  Reason.ASSET_NOT_REGISTERED,
];

/** A reason, and whether it applies. */
export type ReasonCheck = readonly [Reason, boolean];

/** Of the reasons that apply, the one that comes first. */
export function firstReason(checks: readonly ReasonCheck[]): Reason {
  const applying = new Set(checks.filter(([, applies]) => applies).map(([reason]) => reason));
  return PRECEDENCE.find((reason) => applying.has(reason)) ?? Reason.UNSPECIFIED;
}
