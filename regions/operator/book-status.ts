import type { RegionName } from '../topology/layout.ts';
import type { MemberState } from '../topology/state.ts';
import { answered, type MemberFacts } from './facts.ts';
import {
  acknowledgingRegions,
  type BookFacts,
  judgeExposure,
  judgeFailover,
  newestCopy,
  newestPosition,
  primariesOf,
  primaryOf,
} from './safety.ts';
import type { BookStatus, LeaderStatus, MemberReport } from './status.ts';

/** One book in the form shown to people, from the facts of its parts. Pure. */
export function describeBook(facts: BookFacts, home: RegionName): BookStatus {
  const copy = newestCopy(facts);
  const leader = leaderOf(facts);
  return {
    book: facts.book,
    name: facts.name,
    home,
    leader,
    primaries: primariesOf(facts.members).map(({ facts: { member } }) => member.region),
    fenced: copy?.head?.fenced,
    members: facts.members.map((member) => describeMember(facts, member)),
    exposure: judgeExposure(facts),
    failovers: facts.members
      .filter(({ member }) => member.name !== (leader?.member ?? facts.coordination?.leader))
      .map((member) => judgeFailover(facts, member)),
    outgoing: copy?.outgoing ?? [],
  };
}

/** The member whose ledger server reports that it leads; of several, the one of the newest epoch. */
function leaderOf({ members }: BookFacts): LeaderStatus | undefined {
  const leading = members.flatMap(({ member, ledger }): LeaderStatus[] => {
    const answer = answered(ledger);
    if (answer?.leading !== true) return [];
    const { name, region, ledgerAddress } = member;
    return [{ region, member: name, epoch: answer.epoch, ledgerAddress }];
  });
  return leading.toSorted((a, b) => b.epoch - a.epoch)[0];
}

function describeMember(facts: BookFacts, { member, ...answers }: MemberFacts): MemberReport {
  const patroni = answered(answers.patroni);
  const postgres = answered(answers.postgres);
  const ledger = answered(answers.ledger);
  const primary = primaryOf(facts);
  const asPrimarySees = primary?.postgres.standbys.find(({ name }) => name === member.name);
  const standing = ledger?.leading === true ? 'leading' : 'standing by';
  const lagBytes = postgres && Number(newestPosition(facts) - postgres.flushed);
  const behind = postgres !== undefined && postgres.replayed < newestPosition(facts);
  return {
    name: member.name,
    region: member.region,
    role: roleOf(facts, member, postgres === undefined && patroni === undefined),
    state: stateOf(patroni?.state, postgres !== undefined, asPrimarySees?.streaming === true),
    timeline: patroni?.timeline,
    ledger: ledger === undefined ? 'no answer' : standing,
    epoch: ledger?.epoch,
    clockAlarm: ledger?.clockAlarm ?? '',
    partitionAlarms: ledger?.partitionAlarms ?? [],
    lagBytes,
    lagMs: postgres && (behind ? (asPrimarySees?.flushLagMs ?? postgres.replayAgeMs ?? 0) : 0),
  };
}

function roleOf(facts: BookFacts, { name, region }: MemberState, silent: boolean) {
  const leader = facts.coordination?.leader ?? primaryOf(facts)?.facts.member.name;
  if (leader === name) return 'leader';
  if (acknowledgingRegions(facts).includes(region)) return 'synchronous standby';
  return silent ? 'unknown' : 'standby';
}

function stateOf(patroni: string | undefined, postgres: boolean, streaming: boolean): string {
  if (patroni === undefined && !postgres) return 'no answer';
  if (patroni !== undefined && patroni !== 'running') return patroni;
  if (!postgres) return 'Postgres does not answer';
  if (streaming) return 'streaming';
  return patroni === undefined ? 'Patroni does not answer' : 'running';
}
