import type { BookLeader } from '../leader/book-leader.ts';
import type { BookMember } from '../leader/book-member.ts';
import type { LedgerFault } from '../leader/ledger-fault.ts';
import { aborted, overloaded, type RpcError, unavailable } from '../rpc/error.ts';

/** The leader of this server's book. UNAVAILABLE: another server leads it. */
export function leaderOf(member: BookMember): BookLeader {
  const { leader } = member;
  if (leader === undefined) throw unavailable('NOT_LEADER', 'this server does not lead', 100);
  return leader;
}

/**
 * What a fault means for a call that may be repeated: an outcome that is unknown is no worse
 * than one that was not applied.
 */
export function repeatable({ code, message }: LedgerFault): RpcError {
  return code === 'overloaded' ? overloaded(message, 100) : aborted(message, 100);
}
