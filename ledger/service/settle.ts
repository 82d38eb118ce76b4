import type { SettleReply, SettleRequest } from '../../proto/gen/meridian/internal/v1/book.ts';
import type { SettleOutcome } from '../core/command.ts';
import type { BookMember } from '../leader/book-member.ts';
import type { LedgerFault } from '../leader/ledger-fault.ts';
import { aborted, invalidArgument, refuseMalformed } from '../rpc/error.ts';
import { validateLegs } from '../settlement/validate-legs.ts';
import { readRefusals } from '../store/channels.ts';
import { leaderOf } from './asking.ts';

/**
 * Applies second legs from another book. Legs that were applied before are skipped, so that a
 * call may be repeated; the answer always tells every refusal the origin has not closed.
 *
 * ABORTED: this server does not lead the book, or the legs would leave a gap.
 */
export async function settle(member: BookMember, request: SettleRequest): Promise<SettleReply> {
  const leader = leaderOf(member);
  const { originBook, legs } = request;
  if (!leader.memory.knowsBook(originBook) || originBook === member.config.book.number) {
    const description = `${originBook} is no other book of this installation`;
    throw invalidArgument([{ field: 'origin_book', description }]);
  }
  refuseMalformed(validateLegs(member.config.books, request));
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
