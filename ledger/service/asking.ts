import type { BookLeader } from '../leader/book-leader.ts';
import type { BookMember } from '../member/book-member.ts';
import { DivergedError, type LedgerError } from '../leader/ledger-error.ts';
import type { AssetWork, ChangeWork, OpenWork } from '../leader/work.ts';
import { aborted, channelDiverged, overloaded, type RpcError, unavailable } from '../rpc/error.ts';

/** The leader of this server's book. UNAVAILABLE: another server leads it. */
export function leaderOf(member: BookMember): BookLeader {
  const { leader } = member;
  if (leader === undefined) throw unavailable('NOT_LEADER', 'this server does not lead', 100);
  return leader;
}

/** Submits work that may be repeated. Returns its outcome; throws RpcError for a failure. */
export function outcomeOf<Outcome>(
  submit: (callbacks: {
    readonly onOutcome: (outcome: Outcome) => void;
    readonly onFailure: (failure: LedgerError) => void;
  }) => void,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    submit({ onOutcome: resolve, onFailure: (failure) => reject(repeatable(failure)) });
  });
}

/** The outcome of work that may be repeated, as `outcomeOf`. */
export function outcomeFrom<Outcome>(work: Promise<Outcome>): Promise<Outcome> {
  return outcomeOf(({ onOutcome, onFailure }) => void work.then(onOutcome, onFailure));
}

/** Submits work to be executed, or to be answered as though it were. */
export function submitAs(
  leader: BookLeader,
  dryRun: boolean,
  work: OpenWork | ChangeWork | AssetWork,
): void {
  if (dryRun) leader.submitDry(work);
  else leader.submit(work);
}

/**
 * Maps a failure of a call that may be repeated: there an unknown outcome is no worse than a
 * request that was not applied.
 */
function repeatable(failure: LedgerError): RpcError {
  const { code, message } = failure;
  if (failure instanceof DivergedError) return channelDiverged(message, failure.channel);
  return code === 'overloaded' ? overloaded(message, 100) : aborted(message, 100);
}
