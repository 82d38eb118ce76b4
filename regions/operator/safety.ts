import type { RegionName } from '../topology/layout.ts';
import {
  answered,
  type CoordinationFacts,
  type EtcdFacts,
  type HeadFacts,
  type MemberFacts,
  type PostgresFacts,
} from './facts.ts';
import { type Objection, objection, type ObjectionCode, textOf } from './objection.ts';
import type { Exposure, FailoverStatus } from './status.ts';

/**
 * Judges what would be lost, and where a book may safely go. Pure.
 *
 * Every commit waits until one of the two other copies has it. So every acknowledged commit is
 * on two copies of three, and of any two copies the further one has all of them. One copy alone
 * may lack some: it must not lead, and the promotion guard of Patroni does not let it.
 */

/** A book and all known facts about it. */
export interface BookFacts {
  readonly book: number;
  readonly name: string;
  readonly members: readonly MemberFacts[];
  /** Undefined: etcd has no majority, so it is not known. */
  readonly coordination: CoordinationFacts | undefined;
  readonly etcd: EtcdFacts;
  readonly drained: ReadonlySet<string>;
}

/** A member whose Postgres answers. */
export interface AnsweringMember {
  readonly facts: MemberFacts;
  readonly postgres: PostgresFacts;
}

/** The copies that answer, the furthest first. */
export function copiesOf(members: readonly MemberFacts[]): AnsweringMember[] {
  return members
    .flatMap((facts) => {
      const postgres = answered(facts.postgres);
      return postgres === undefined ? [] : [{ facts, postgres }];
    })
    .toSorted((a, b) => compare(b.postgres.flushed, a.postgres.flushed));
}

const compare = (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1);

/** The copies that accept writes; more than one: all but that of the newest epoch are deposed. */
export function primariesOf(members: readonly MemberFacts[]): AnsweringMember[] {
  return copiesOf(members)
    .filter(({ postgres }) => !postgres.standby)
    .toSorted((a, b) => (b.postgres.head?.epoch ?? 0) - (a.postgres.head?.epoch ?? 0));
}

/**
 * The primary that Patroni regards as the leader, or, if etcd does not answer, the one of the
 * newest epoch.
 */
export function primaryOf({ members, coordination }: BookFacts): AnsweringMember | undefined {
  const primaries = primariesOf(members);
  if (coordination === undefined) return primaries[0];
  return primaries.find(({ facts }) => facts.member.name === coordination.leader);
}

/** The member that leads according to etcd, or else the one whose Postgres is a primary. */
export function leaderOf(facts: BookFacts): MemberFacts | undefined {
  const name = facts.coordination?.leader;
  return facts.members.find(({ member }) => member.name === name) ?? primaryOf(facts)?.facts;
}

/** The member of a book in a region; undefined where the book has no copy there. */
export const memberIn = ({ members }: BookFacts, region: RegionName): MemberFacts | undefined =>
  members.find(({ member }) => member.region === region);

/** The primary, or else the furthest copy that answers. */
export function newestCopy(facts: BookFacts): PostgresFacts | undefined {
  return primaryOf(facts)?.postgres ?? copiesOf(facts.members)[0]?.postgres;
}

/** The head row of the newest copy that answers. */
export function headOf(facts: BookFacts): HeadFacts | undefined {
  return newestCopy(facts)?.head;
}

/** How far the furthest copy that answers is. */
export function newestPosition({ members }: Pick<BookFacts, 'members'>): bigint {
  return copiesOf(members)[0]?.postgres.flushed ?? 0n;
}

/** Whether the settings of a primary make every commit wait for a second region. */
export function waitsForSecondRegion({ synchronousNames, synchronousCommit }: PostgresFacts) {
  return synchronousNames !== '' && ['on', 'remote_apply'].includes(synchronousCommit);
}

/** Regions whose copies acknowledge the commits of the primary. */
export function acknowledgingRegions(facts: BookFacts): RegionName[] {
  const standbys = primaryOf(facts)?.postgres.standbys ?? [];
  const names = new Set(
    standbys.flatMap(({ name, streaming, synchronous }) => (streaming && synchronous ? name : [])),
  );
  return facts.members.flatMap(({ member }) => (names.has(member.name) ? member.region : []));
}

/** What would be lost if the leader's region were lost permanently now. */
export function judgeExposure(facts: BookFacts): Exposure {
  const primary = primaryOf(facts);
  if (primary === undefined) return judgeSilentLeader(facts);
  const { postgres } = primary;
  if (!waitsForSecondRegion(postgres)) {
    const furthest = postgres.standbys
      .map(({ flushed }) => flushed)
      .toSorted(compare)
      .at(-1);
    const bytes = furthest === undefined ? undefined : Number(postgres.flushed - furthest);
    const size = bytes === undefined ? 'no copy streams from it' : `${bytes} bytes now`;
    const because = `transfers are acknowledged before a second region has them (${size})`;
    return { safe: false, because, bytes };
  }
  return { safe: true, because: whoHasAll(acknowledgingRegions(facts)), bytes: 0 };
}

function whoHasAll([first, ...others]: readonly RegionName[]): string {
  if (first === undefined) {
    return 'no second region streams, so no payment is acknowledged until one does';
  }
  if (others.length > 0) {
    return `${[first, ...others].join(' and ')} have everything acknowledged between them`;
  }
  return `${first} has everything acknowledged, but no copy can take over until another one follows`;
}

function judgeSilentLeader({ coordination, members }: BookFacts): Exposure {
  if (coordination !== undefined && coordination.leader === undefined) {
    const because = 'no member holds the leader lease, so nothing is being acknowledged';
    return { safe: true, because, bytes: 0 };
  }
  const others = copiesOf(members).filter(
    ({ facts }) => facts.member.name !== coordination?.leader,
  );
  if (others.length > 1) {
    const regions = others.map(({ facts }) => facts.member.region).join(' and ');
    const because = `its leader does not answer; ${regions} have everything acknowledged between them`;
    return { safe: true, because, bytes: 0 };
  }
  const because = 'neither its leader nor two other copies answer: what is safe is not known';
  return { safe: false, because, bytes: undefined };
}

/** Whether a book may be given to the region of `candidate` without its leader's help. */
export function judgeFailover(facts: BookFacts, candidate: MemberFacts): FailoverStatus {
  const to = candidate.member.region;
  const against = [
    ...whatForbidsLeading(facts, candidate),
    ...whatForbidsElection(facts),
    ...whatMayBeLost(facts, candidate),
  ];
  const codes = against.map(({ code }) => code);
  if (against.length > 0) return { to, safe: false, because: textOf(against), codes };
  const because = 'it is as far as the other copy that is left, so it has everything acknowledged';
  return { to, safe: true, because, codes };
}

/** What may be lost if this member led from now on without the present leader; empty: nothing. */
export function whatMayBeLost(facts: BookFacts, candidate: MemberFacts): Objection[] {
  const own = answered(candidate.postgres);
  const { leader } = facts.coordination ?? {};
  const others = copiesOf(facts.members).filter(
    ({ facts: { member, patroni } }) =>
      member.name !== candidate.member.name &&
      member.name !== leader &&
      // A position on another timeline cannot be compared with this one.
      answered(patroni)?.timeline === answered(candidate.patroni)?.timeline,
  );
  const nearest = others.at(-1);
  if (own === undefined || nearest === undefined) {
    const text = 'no other copy can be compared with it, so it may lack acknowledged transfers';
    return [objection('COPY_NOT_COMPARABLE', text)];
  }
  const behind = nearest.postgres.flushed - own.flushed;
  if (behind <= 0n) return [];
  const region = nearest.facts.member.region;
  const bytes = behind.toLocaleString('en-US');
  const text = `it is ${bytes} bytes behind ${region}, which can take over`;
  return [objection('OTHER_COPY_AHEAD', text)];
}

/** What prevents a member from leading the book even if a loss is accepted. */
export function whatForbidsLeading(facts: BookFacts, candidate: MemberFacts): Objection[] {
  const { member } = candidate;
  const found: Objection[] = [];
  const object = (code: ObjectionCode, text: string) => found.push({ code, text });
  const patroni = answered(candidate.patroni);
  if (patroni === undefined) object('PATRONI_SILENT', 'its Patroni does not answer');
  else if (patroni.state !== 'running') {
    object('POSTGRES_NOT_RUNNING', `its Postgres is ${patroni.state}`);
  }
  if (patroni?.paused === true) object('PATRONI_PAUSED', 'Patroni is paused for this book');
  if (answered(candidate.postgres) === undefined) {
    object('POSTGRES_SILENT', 'its Postgres does not answer');
  }
  if (answered(candidate.ledger) === undefined) {
    object('LEDGER_SILENT', 'its ledger server does not answer');
  }
  if (facts.drained.has(member.region)) object('REGION_DRAINED', 'the region is drained');
  if (headOf(facts)?.fenced === true) object('BOOK_FENCED', 'the book is fenced');
  if (facts.coordination === undefined) {
    object('ETCD_WITHOUT_MAJORITY', 'etcd has no majority, so no leader can be elected');
  }
  return found;
}

/** Electing a leader takes a majority of etcd, here without the region that is lost. */
function whatForbidsElection({ etcd, coordination, members }: BookFacts): Objection[] {
  const leader = members.find(({ member }) => member.name === coordination?.leader)?.member.region;
  const left = etcd.healthy.filter((region) => region !== leader);
  if (leader === undefined || left.length > etcd.members / 2) return [];
  const which = left.length === 0 ? 'none' : `only ${left.join(' and ')}`;
  const text = `without ${leader} etcd has no majority (${which} left), so no leader can be elected`;
  return [objection('ETCD_NEEDS_LEADER_REGION', text)];
}
