import type { SettleRequest } from '../../proto/gen/meridian/internal/v1/book.ts';
import { isAccountId } from '../core/account-id.ts';
import { isTransferId } from '../core/transfer-id.ts';
import type { FieldViolation } from '../core/validate/validate.ts';
import type { Book } from '../core/book.ts';

/** Legs in one call. */
const LEGS_MAX = 8000;

/** Rejects legs that no correct peer sends; they would otherwise crash this server. */
export function validateLegs(books: readonly Book[], request: SettleRequest): FieldViolation[] {
  const { originBook, originName, firstNumber, closedThrough, legs, hashBefore } = request;
  const { captures } = request;
  const found: FieldViolation[] = [];
  const check = (ok: boolean, field: string, description: string) => {
    if (!ok) found.push({ field, description });
  };
  const origin = books.find(({ number }) => number === originBook);
  check(origin?.name === originName, 'origin_name', `must be that of book ${originBook}`);
  check(firstNumber >= 1n && firstNumber < 2n ** 53n, 'first_number', 'must be 1 to 2^53');
  check(closedThrough >= 0n && closedThrough < 2n ** 53n, 'closed_through', 'must be 0 to 2^53');
  check(hashBefore.length === 0 || hashBefore.length === 32, 'hash_before', 'must have 32 bytes');
  check(legs.length <= LEGS_MAX, 'legs', `must have at most ${LEGS_MAX} items`);
  const ids = new Set(legs.map(({ transferId }) => transferId));
  check(ids.size === legs.length, 'legs', 'must have different transfer ids');
  const sound = legs.every(
    (leg) =>
      isTransferId(leg.transferId) &&
      isAccountId(leg.debitAccountId) &&
      isAccountId(leg.creditAccountId) &&
      leg.amount > 0n &&
      leg.asset !== '',
  );
  check(sound, 'legs', 'must have ids, accounts, an asset and an amount above zero');
  check(captures.length <= legs.length, 'captures', 'must have at most as many items as legs');
  const holds = captures.every(({ holdId }) => isTransferId(holdId));
  check(holds, 'captures', 'must have the ids of holds');
  return found;
}
