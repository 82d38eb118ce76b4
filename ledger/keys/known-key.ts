import { createHash } from 'node:crypto';
import type { Reason } from '../../proto/gen/meridian/v1/reason.ts';
import { isPlain } from '../core/validate/options.ts';
import type { TransferFields } from '../core/validate/same-request.ts';

/** The outcome of a decided key in the memory of a leader. */
export interface KnownKey {
  /** Of the request that decided it. */
  readonly fingerprint: string;
  readonly reason: Reason;
  readonly epoch: number;
  readonly seq: number;
  readonly atMicros: number;
  /**
   * True: there is more to the outcome than this, or it may have moved on since, for the payee
   * is in another book. Only the journal can answer.
   */
  readonly partial: boolean;
}

/** Stands for transfers that only the journal can compare. */
const NO_FINGERPRINT = '-';

/** Longer texts are hashed. */
const PLAIN_LENGTH_MAX = 96;

/** The same for two plain transfers exactly if they are the same; not plain ones have none. */
export function fingerprintOf(request: TransferFields): string {
  const { debitAccountId, creditAccountId, amount, asset, code, reference } = request;
  if (!isPlain(request)) return NO_FINGERPRINT;
  let text = `${debitAccountId} ${creditAccountId} ${amount} ${asset} ${code} `;
  text += reference === '' ? '' : JSON.stringify(reference);
  const pairs = Object.entries(request.metadata);
  if (pairs.length > 0) {
    text += JSON.stringify(pairs.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  }
  if (text.length <= PLAIN_LENGTH_MAX) return text;
  return createHash('sha256').update(text).digest('base64');
}
