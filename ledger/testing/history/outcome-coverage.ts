import { Reason, reasonToJSON } from '../../../proto/gen/meridian/v1/reason.ts';

/**
 * Every outcome there is: for each reason the statuses of transfers, or what became of the
 * change of an account or its opening.
 */
const OUTCOMES: Readonly<Record<string, readonly string[]>> = {
  UNSPECIFIED: ['POSTED', 'IN_TRANSIT', 'HELD', 'CAPTURED', 'RELEASED', 'EXPIRED', 'CHANGED'],
  IDEMPOTENCY_KEY_REUSED: ['REJECTED', 'NOT_CHANGED', 'NOT_OPENED'],
  GROUP_FAILED: ['REJECTED'],
  HOLD_NOT_FOUND: ['REJECTED'],
  HOLD_HAS_DIFFERENT_ACCOUNT: ['REJECTED'],
  HOLD_CAPTURED: ['REJECTED'],
  HOLD_RELEASED: ['REJECTED'],
  HOLD_EXPIRED: ['REJECTED'],
  HOLD_EXCEEDED: ['REJECTED'],
  TRANSFER_NOT_FOUND: ['REJECTED'],
  TRANSFER_NOT_REVERSIBLE: ['REJECTED'],
  TRANSFER_HAS_DIFFERENT_ACCOUNTS: ['REJECTED'],
  REVERSAL_EXCEEDED: ['REJECTED'],
  DEBIT_ACCOUNT_NOT_FOUND: ['REJECTED'],
  CREDIT_ACCOUNT_NOT_FOUND: ['REJECTED', 'RETURNED'],
  ASSET_MISMATCH: ['REJECTED', 'RETURNED'],
  SCALE_MISMATCH: ['REJECTED', 'NOT_OPENED'],
  DEBIT_ACCOUNT_CLOSED: ['REJECTED'],
  CREDIT_ACCOUNT_CLOSED: ['REJECTED', 'RETURNED'],
  DEBIT_ACCOUNT_FROZEN: ['REJECTED'],
  CREDIT_ACCOUNT_FROZEN: ['REJECTED', 'RETURNED'],
  ACCOUNT_NOT_FOUND: ['NOT_CHANGED'],
  ACCOUNT_CLOSED: ['NOT_CHANGED'],
  ACCOUNT_NOT_CLOSED: ['NOT_CHANGED'],
  VERSION_MISMATCH: ['REJECTED', 'NOT_CHANGED'],
  CONDITION_NOT_MET: ['REJECTED'],
  BALANCE_NOT_ZERO: ['NOT_CHANGED'],
  ACCOUNT_HAS_HOLDS: ['NOT_CHANGED'],
  BALANCE_OUTSIDE_LIMITS: ['NOT_CHANGED'],
  NOTHING_AVAILABLE: ['REJECTED'],
  OVERFLOW: ['REJECTED', 'RETURNED'],
  INSUFFICIENT_FUNDS: ['REJECTED'],
  MAX_BALANCE_EXCEEDED: ['REJECTED', 'RETURNED'],
  ASSET_NOT_REGISTERED: ['NOT_OPENED'],
};

/** Counts which outcomes some histories had. */
export class OutcomeCoverage {
  readonly #counts = new Map<string, number>();

  /** @param became status of a transfer, or CHANGED, NOT_CHANGED, NOT_OPENED */
  count(became: string, reason: Reason): void {
    const name = outcomeName(reason, became);
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  /** One line for each outcome there is or was, with how often it was. */
  table(): string {
    const names = new Set([...possible(), ...this.#counts.keys()]);
    return [...names].map((name) => `${name} ${this.#counts.get(name) ?? 0}`).join('\n');
  }

  /** Outcomes that there are and no history had. */
  missing(): string[] {
    return possible().filter((name) => !this.#counts.has(name));
  }

  /** Outcomes that there should not be. */
  impossible(): string[] {
    const names = possible();
    return [...this.#counts.keys()].filter((name) => !names.includes(name));
  }
}

/** A reason that is not in the table must be produced too, and then put there. */
function possible(): string[] {
  return (
    Object.values(Reason)
      // A repair returns to that, not a request.
      .filter((reason) => reason !== Reason.UNRECOGNIZED && reason !== Reason.CHANNEL_DIVERGED)
      .flatMap((reason) =>
        (OUTCOMES[shortName(reason)] ?? ['?']).map((became) => outcomeName(reason, became)),
      )
  );
}

const shortName = (reason: Reason) => reasonToJSON(reason).replace('REASON_', '');

const outcomeName = (reason: Reason, became: string) => `${shortName(reason)} ${became}`;
