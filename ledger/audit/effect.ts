import { type Effect, NO_TOTALS } from './account-fold.ts';

/** Of money that goes from one account to another. */
export function moved(amount: bigint): Effect {
  return { debit: { ...NO_TOTALS, debits: amount }, credit: { ...NO_TOTALS, credits: amount } };
}

/** Of a capture that comes back to its payer, of which `again` is reserved as before. */
export function heldAgain(amount: bigint, again: bigint): Effect {
  const { debit, credit } = moved(amount);
  return { debit, credit: credit && { ...credit, heldDebits: again } };
}

/** Of money that is reserved. A payee in another book knows nothing of it. */
export function held(amount: bigint, away: boolean): Effect {
  return {
    debit: { ...NO_TOTALS, heldDebits: amount },
    credit: away ? null : { ...NO_TOTALS, heldCredits: amount },
  };
}

/** Of money that a hold has reserved: `amount` is moved and all that was `taken` is free. */
export function captured(amount: bigint, taken: bigint, away: boolean): Effect {
  return {
    debit: { ...NO_TOTALS, debits: amount, heldDebits: -taken },
    credit: { ...NO_TOTALS, credits: amount, heldCredits: away ? 0n : -taken },
  };
}

/** Of a change of settings: a version without money. */
export const CHANGED: Effect = { debit: null, credit: NO_TOTALS };
