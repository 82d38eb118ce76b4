import { StoreError } from '../store/store-error.ts';

/**
 * Why work was not executed. Its code states what is known of the effect: with `outcome_unknown`
 * the work may or may not have been applied, and only a retry with the same keys shows which;
 * with any other code nothing of it was applied.
 */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  readonly code: 'not_leader' | 'not_applied' | 'overloaded' | 'outcome_unknown' | 'diverged';

  constructor(code: LedgerError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * A book that has lost rows posts nothing: its failure is `diverged`, and nothing was applied.
 */
export class DivergedError extends LedgerError {
  /** Names of the payer's and the payee's book: `eu-west-1>us-east-1`. */
  readonly channel: string;

  constructor(message: string, channel: string) {
    super('diverged', message);
    this.channel = channel;
  }
}

/**
 * True for what neither the database nor another leader caused: above all InvariantError. Nothing
 * may be tried again after it; the process ends with its stack trace.
 */
export function isBug(error: unknown): boolean {
  return !(error instanceof LedgerError) && !(error instanceof StoreError);
}
