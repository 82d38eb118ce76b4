import { auditAgreement } from './audit-agreement.ts';
import { available } from './available.ts';
import { conservation } from './conservation.ts';
import type { Evidence } from './evidence.ts';
import { feed } from './feed.ts';
import { holds } from './holds.ts';
import { honestRefusals } from './honest-refusals.ts';
import { immutableRows } from './immutable-rows.ts';
import { inFlight } from './in-flight.ts';
import { limits } from './limits.ts';
import { linearizable } from './linearizable.ts';
import { live } from './live.ts';
import { noDeposedLeader } from './no-deposed-leader.ts';
import { noPhantom } from './no-phantom.ts';
import { nothingLost } from './nothing-lost.ts';
import { oneJournal } from './one-journal.ts';
import { oneOutcome } from './one-outcome.ts';
import { prefixReads } from './prefix-reads.ts';
import { resolvedOnce } from './resolved-once.ts';
import type { Checker, Verdict } from './verdict.ts';
import { wholeGroups } from './whole-groups.ts';

/** The invariants that a run is judged by, in one sentence each. */
export const invariants = {
  I1: 'each book sums to zero at every seq',
  I2: 'what is in flight is the difference of two transit accounts',
  I3: 'every channel number is applied or refused exactly once',
  I4: 'no acknowledged outcome is lost',
  I5: 'nothing happens that was not asked for',
  I6: 'one outcome per key',
  I7: 'each account is linearizable',
  I9: 'limits hold at every version',
  I10: 'a hold resolves once, never early, never too late',
  I11: 'a book has one journal, without gaps and with a chain that verifies',
  I12: 'what a copy answers is a prefix of the journal',
  I14: 'a deposed leader never acknowledges',
  I17: 'groups are applied all or none',
  I18: 'rows are never changed',
  I19: 'auditors see what the journal says',
  I20: 'a subscription delivers everything, once and in order',
  I21: 'definite refusals are honest',
  I22: 'a caller with a path to a healthy home is served',
  I23: 'after everything is healed, everything serves and drains',
} as const;

export const checkers = {
  I1: conservation,
  I2: inFlight,
  I3: resolvedOnce,
  I4: nothingLost,
  I5: noPhantom,
  I6: oneOutcome,
  I7: linearizable,
  I9: limits,
  I10: holds,
  I11: oneJournal,
  I12: prefixReads,
  I14: noDeposedLeader,
  I17: wholeGroups,
  I18: immutableRows,
  I19: auditAgreement,
  I20: feed,
  I21: honestRefusals,
  I22: available,
  I23: live,
} as const satisfies Record<keyof typeof invariants, Checker>;

/** All verdicts on a run, by invariant. */
export function judgeRun(evidence: Evidence): ReadonlyMap<string, Verdict> {
  return new Map(Object.entries(checkers).map(([name, one]) => [name, decide(one, evidence)]));
}

/** What one checker cannot make sense of must not keep the others from deciding. */
function decide(checker: Checker, evidence: Evidence): Verdict {
  try {
    return checker(evidence);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { state: 'unknown', why: [`the checker failed: ${words}`] };
  }
}
