import type { SettleReply, SettleRequest } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { SettleOutcome } from '../core/command.ts';
import { isAccountId } from '../core/account-id.ts';
import { isTransferId } from '../core/transfer-id.ts';
import type { FieldViolation } from '../core/validate.ts';
import type { BookMember } from '../leader/book-member.ts';
import type { LedgerFault } from '../leader/ledger-fault.ts';
import { aborted, invalidArgument, unavailable } from '../rpc/error.ts';
import { readRefusals } from '../store/channels.ts';

/**
 * Applies second legs from another book. Legs that were applied before are skipped, so that a
 * call may be repeated; the answer always tells every refusal the origin has not closed.
 *
 * ABORTED: this server does not lead the book, or the legs would leave a gap.
 */
export async function settle(member: BookMember, request: SettleRequest): Promise<SettleReply> {
  const { leader } = member;
  if (leader === undefined) throw unavailable('NOT_LEADER', 'this server does not lead', 100);
  const { originBook, legs } = request;
  if (!leader.memory.knowsBook(originBook) || originBook === member.config.book.number) {
    const description = `${originBook} is no other book of this installation`;
    throw invalidArgument([{ field: 'origin_book', description }]);
  }
  const violations = validateLegs(member, request);
  if (violations.length > 0) throw invalidArgument(violations);
  const closedThrough = Number(request.closedThrough);
  const firstNumber = Number(request.firstNumber);
  const { applied } = leader.memory.channel(originBook);
  const skip = Math.max(0, applied + 1 - firstNumber);
  const fresh = legs.slice(skip);
  let outcome: Pick<SettleOutcome, 'appliedThrough' | 'inOrder' | 'refusals'> = {
    inOrder: true,
    appliedThrough: applied,
    refusals: [],
  };
  if (fresh.length > 0) {
    outcome = await new Promise<SettleOutcome>((resolve, reject) => {
      leader.submit({
        kind: 'settle',
        command: { kind: 'settle', originBook, firstNumber: firstNumber + skip, legs: fresh },
        onOutcome: resolve,
        onFault: (fault: LedgerFault) => reject(aborted(fault.message, 100)),
      });
    });
  }
  if (!outcome.inOrder) {
    throw aborted(`leg ${firstNumber} does not follow ${outcome.appliedThrough}`, 100);
  }
  // Earlier refusals, whose answer may have been lost, are told again from the journal.
  const earlier =
    applied > closedThrough
      ? await readRefusals(member.sql, originBook, closedThrough, applied)
      : [];
  const refusals = [...earlier, ...outcome.refusals];
  return {
    appliedThrough: BigInt(outcome.appliedThrough),
    refusals: refusals.map(({ number, reason }) => ({ number: BigInt(number), reason })),
  };
}

/** Legs in one call. */
const LEGS_MAX = 8000;

/** What no sound book could have sent. It would otherwise end this process as a broken book. */
function validateLegs(member: BookMember, request: SettleRequest): FieldViolation[] {
  const { originBook, originName, firstNumber, closedThrough, legs } = request;
  const found: FieldViolation[] = [];
  const check = (ok: boolean, field: string, description: string) => {
    if (!ok) found.push({ field, description });
  };
  const origin = member.config.books.find(({ number }) => number === originBook);
  check(origin?.name === originName, 'origin_name', `must be that of book ${originBook}`);
  check(firstNumber >= 1n && firstNumber < 2n ** 53n, 'first_number', 'must be 1 to 2^53');
  check(closedThrough >= 0n && closedThrough < 2n ** 53n, 'closed_through', 'must be 0 to 2^53');
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
  return found;
}
