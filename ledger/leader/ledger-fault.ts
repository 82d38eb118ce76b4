import { isDatabaseError } from '../store/sqlstate.ts';

/**
 * Why a request could not be executed. `outcome` tells what is known of its effect: with
 * `unknown` it may or may not have been applied, and only its key can tell.
 */
export class LedgerFault extends Error {
  override readonly name = 'LedgerFault';
  readonly code: 'not_leader' | 'not_applied' | 'overloaded' | 'outcome_unknown';

  constructor(code: LedgerFault['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * True for what neither the database nor another leader caused: above all InvariantError. Nothing
 * may be tried again after it; the process ends with its stack trace.
 */
export function isBug(error: unknown): boolean {
  return !(error instanceof LedgerFault) && !isDatabaseError(error);
}
