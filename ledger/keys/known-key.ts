import { createHash } from 'node:crypto';
import { type CreateTransferRequest, Reason } from '../../proto/gen/meridian/v1/ledger.ts';

/** What is remembered of a decided key outside the journal. */
export interface KnownKey {
  /** Of the request that decided it. */
  readonly fingerprint: string;
  readonly reason: Reason;
  readonly epoch: number;
  readonly seq: number;
  readonly atMicros: number;
  /**
   * True: the payee is in another book, so the outcome may have moved on since; only the
   * journal can tell.
   */
  readonly away: boolean;
}

/** Longer texts are hashed. */
const PLAIN_LENGTH_MAX = 96;

/** The same for two requests exactly if they are the same transfer. */
export function fingerprintOf(request: CreateTransferRequest): string {
  const { debitAccountId, creditAccountId, amount, asset, code, reference } = request;
  let text = `${debitAccountId} ${creditAccountId} ${amount} ${asset} ${code} `;
  text += reference === '' ? '' : JSON.stringify(reference);
  const pairs = Object.entries(request.metadata);
  if (pairs.length > 0) {
    text += JSON.stringify(pairs.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  }
  if (text.length <= PLAIN_LENGTH_MAX) return text;
  return createHash('sha256').update(text).digest('base64');
}

/**
 * As stored in Redis. `token` is the leader's own, made anew at every take-over: a value with
 * another token was written by a leader before and is checked in the journal.
 */
export function encodeKnownKey(token: string, known: KnownKey): string {
  const { reason, epoch, seq, atMicros, away, fingerprint } = known;
  return `${token} ${reason} ${epoch} ${seq} ${atMicros} ${away ? 1 : 0} ${fingerprint}`;
}

/** Undefined if the value was not written with this token, or is not one at all. */
export function decodeKnownKey(token: string, value: string): KnownKey | undefined {
  const match = /^(\S+) (\d+) (\d+) (\d+) (\d+) ([01]) (.+)$/su.exec(value);
  if (match === null || match[1] !== token) return undefined;
  const reason = Object.values(Reason).find((known) => known === Number(match[2]));
  if (reason === undefined) return undefined;
  return {
    reason,
    epoch: Number(match[3]),
    seq: Number(match[4]),
    atMicros: Number(match[5]),
    away: match[6] === '1',
    fingerprint: match[7] ?? '',
  };
}
