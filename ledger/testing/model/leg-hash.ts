import { createHash } from 'node:crypto';
import type { SettleLeg } from '../../../proto/gen/meridian/internal/v1/book.ts';

/** The running hash of a channel after these legs, of which the first has number 1. */
export function modelHash(legs: readonly SettleLeg[]): string {
  let digits = '0'.repeat(64);
  for (const [index, leg] of legs.entries()) {
    const pairs = Object.entries(leg.metadata).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const line = [
      index + 1,
      leg.transferId,
      leg.debitAccountId,
      leg.creditAccountId,
      leg.amount,
      counted(leg.asset),
      leg.code,
      counted(leg.reference),
      counted(pairs.map((pair) => pair.map((part) => `${counted(part)}|`).join('')).join('')),
      leg.reversalOf,
      '\n',
    ].join('|');
    digits = createHash('sha256').update(digits).update(line).digest('hex');
  }
  return digits;
}

const counted = (text: string) => `${text.length}:${text}`;
