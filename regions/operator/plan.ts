import type { RegionName } from '../topology/layout.ts';
import { answered, type MemberFacts } from './facts.ts';
import type { Plan } from './operation.ts';
import {
  acknowledgingRegions,
  type BookFacts,
  headOf,
  newestPosition,
  primaryOf,
  waitsForSecondRegion,
  whatForbidsLeading,
  whatMayBeLost,
} from './safety.ts';

/** What each change would do and the objections to it, from what is known now. Pure. */

/** A standby that is further behind would delay a planned switchover. */
export const CATCH_UP_BYTES = 16 * 1024 * 1024;

/** The member that leads according to etcd, or else the one whose Postgres is a primary. */
export function ledFrom(facts: BookFacts): MemberFacts | undefined {
  const name = facts.coordination?.leader;
  return facts.members.find(({ member }) => member.name === name) ?? primaryOf(facts)?.facts;
}

const copyIn = ({ members }: BookFacts, region: RegionName) =>
  members.find(({ member }) => member.region === region);

export function planSwitchover(facts: BookFacts, to: RegionName): Plan {
  const objections: string[] = [];
  const whileBehind: string[] = [];
  const candidate = copyIn(facts, to);
  const leader = ledFrom(facts);
  if (candidate === undefined) objections.push(`${facts.name} has no copy in ${to}`);
  else if (candidate === leader) objections.push(`${to} leads ${facts.name} already`);
  else {
    whileBehind.push(...whatIsBehind(facts, candidate));
    objections.push(...whatForbidsLeading(facts, candidate), ...whileBehind);
  }
  objections.push(...whatIsWrongWithLeader(facts));
  const from = leader?.member.region ?? 'none';
  const steps = [
    `write a checkpoint in ${from}, so that it stops quickly`,
    `have Patroni stop ${facts.name} in ${from} and promote it in ${to}`,
    `wait until the ledger server in ${to} leads in a newer epoch`,
    `wait until ${from} follows it`,
  ];
  const third = acknowledgingRegions(facts).some((region) => region !== to);
  const warnings = third
    ? []
    : [`no third copy streams, so payments wait until the copy in ${from} is back`];
  const refusal = { objections, whileBehind, impossible: [] };
  return { kind: 'switchover', subject: facts.name, steps, warnings, ...refusal };
}

/** How far a copy is behind the leader, if that would delay a planned change. */
function whatIsBehind(facts: BookFacts, candidate: MemberFacts): string[] {
  const { name, region } = candidate.member;
  const seen = primaryOf(facts)?.postgres.standbys.find((standby) => standby.name === name);
  if (seen?.streaming !== true) return [`${region} does not stream from the leader`];
  const behind = newestPosition(facts) - seen.flushed;
  if (behind <= BigInt(CATCH_UP_BYTES)) return [];
  return [`${region} is ${behind.toLocaleString('en-US')} bytes behind`];
}

function whatIsWrongWithLeader(facts: BookFacts): string[] {
  const primary = primaryOf(facts);
  if (primary === undefined) {
    return ['it has no leader that answers; see "meridian failover" and "meridian status"'];
  }
  if (answered(primary.facts.patroni) === undefined) {
    return ['the Patroni of the leader does not answer'];
  }
  if (waitsForSecondRegion(primary.postgres)) return [];
  return ['its commits do not wait for a second region; restore that first'];
}

/** What an operator does once a copy has been promoted with an accepted loss. */
export const NEXT_AFTER_LOSS =
  'see "meridian channel list": if other books have legs that this copy lacks, it posts nothing ' +
  'until "meridian channel repair" has booked them';

export function planFailover(facts: BookFacts, to: RegionName, acceptLoss: boolean): Plan {
  const objections: string[] = [];
  const warnings: string[] = [];
  const impossible: string[] = [];
  const candidate = copyIn(facts, to);
  const primary = primaryOf(facts);
  const leading = primary !== undefined && answered(primary.facts.ledger)?.leading === true;
  if (leading && primary.facts.member.region !== to) {
    const place = primary.facts.member.region;
    objections.push(
      `its leader in ${place} answers: "meridian switchover ${facts.name} --to ${to}" loses nothing`,
    );
  }
  if (candidate === undefined) objections.push(`${facts.name} has no copy in ${to}`);
  else if (candidate.member.name === facts.coordination?.leader) {
    objections.push(`${to} is the leader already, as etcd has it`);
  } else {
    impossible.push(...whatForbidsLeading(facts, candidate));
    const loss = whatMayBeLost(facts, candidate);
    if (acceptLoss) warnings.push(...loss.map((text) => `${text}: you accept that`));
    else objections.push(...loss);
  }
  const steps = [
    `have Patroni promote ${facts.name} in ${to}`,
    `wait until the ledger server in ${to} leads in a newer epoch, which needs a second region`,
    ...(warnings.length > 0 ? [NEXT_AFTER_LOSS] : []),
  ];
  return { kind: 'failover', subject: facts.name, steps, warnings, objections, impossible };
}

export function planFence(facts: BookFacts): Plan {
  const primary = primaryOf(facts);
  const head = headOf(facts);
  const objections = head?.fenced === true ? ['it is fenced already'] : [];
  const impossible =
    primary === undefined ? ['no primary answers that could record the fence durably'] : [];
  const steps = [
    'raise the epoch and mark the book as fenced, in one commit that a second region has',
    'its leader steps down; it has no leader until "meridian unfence"',
  ];
  const warnings = ['the book takes no payments until it is unfenced'];
  return { kind: 'fence', subject: facts.name, steps, warnings, objections, impossible };
}

export function planUnfence(facts: BookFacts): Plan {
  const primary = primaryOf(facts);
  const objections = headOf(facts)?.fenced === false ? ['it is not fenced'] : [];
  const impossible = primary === undefined ? ['no primary answers'] : [];
  const steps = ['remove the mark; the ledger server of the primary takes the book over'];
  return { kind: 'unfence', subject: facts.name, steps, warnings: [], objections, impossible };
}

/** A book that has to leave a region, and where it may go, the best first. */
export interface Departure {
  readonly facts: BookFacts;
  readonly to: RegionName | undefined;
  /** Why it can go nowhere; empty unless `to` is undefined. */
  readonly why: readonly string[];
}

/** The books that are led from a region, with the best other region for each. */
export function departures(books: readonly BookFacts[], region: RegionName): Departure[] {
  return books
    .filter((facts) => ledFrom(facts)?.member.region === region)
    .map((facts) => {
      const others = facts.members.filter(({ member }) => member.region !== region);
      const plans = others
        .toSorted(newerFirst)
        .map(({ member }) => ({ to: member.region, plan: planSwitchover(facts, member.region) }));
      const best = plans.find(({ plan }) => plan.objections.length === 0);
      const why = plans.map(({ to, plan }) => `not to ${to}: ${plan.objections.join(', ')}`);
      return { facts, to: best?.to, why: best === undefined ? why : [] };
    });
}

function newerFirst(a: MemberFacts, b: MemberFacts): number {
  const [ours, theirs] = [answered(a.postgres)?.flushed ?? 0n, answered(b.postgres)?.flushed ?? 0n];
  return ours === theirs ? 0 : ours > theirs ? -1 : 1;
}

export function planDrain(
  kind: 'drain' | 'evacuate',
  books: readonly BookFacts[],
  region: RegionName,
): Plan {
  const leaving = departures(books, region);
  const objections = leaving.flatMap(({ facts, to, why }) =>
    to === undefined ? [`${facts.name} can go nowhere (${why.join('; ')})`] : [],
  );
  const steps = [
    `mark ${region} as drained: its router turns load balancers away, and no book is led there`,
    ...leaving.flatMap(({ facts, to }) => (to ? [`switch ${facts.name} over to ${to}`] : [])),
  ];
  if (kind === 'evacuate') {
    steps.push('wait until nothing is in transit from the books that it led or is home of');
    steps.push('check that no book needs the region, and report whether it may be switched off');
  }
  const already = books.some(({ drained }) => drained.has(region));
  const warnings = already ? [`${region} is drained already`] : [];
  const impossible = books.some(({ coordination }) => coordination === undefined)
    ? ['etcd has no majority']
    : [];
  return { kind, subject: region, steps, warnings, objections, impossible };
}

export function planUndrain(books: readonly BookFacts[], region: RegionName): Plan {
  const drained = books.some((facts) => facts.drained.has(region));
  const objections = drained ? [] : [`${region} is not drained`];
  const impossible = books.some(({ coordination }) => coordination === undefined)
    ? ['etcd has no majority']
    : [];
  const steps = [`take the mark away: the router of ${region} takes load balancers' calls again`];
  const warnings = ['books stay where they are led; "meridian failback" brings them home'];
  return { kind: 'undrain', subject: region, steps, warnings, objections, impossible };
}

/** @param homes the books whose home the region is */
export function planFailback(homes: readonly BookFacts[], region: RegionName): Plan {
  const away = homes.filter((facts) => ledFrom(facts)?.member.region !== region);
  const drained = homes.some((facts) => facts.drained.has(region));
  const objections = away.flatMap((facts) => {
    // The mark is removed first; then it waits for a copy that is still catching up.
    const plan = planSwitchover({ ...facts, drained: new Set() }, region);
    return plan.objections
      .filter((text) => plan.whileBehind?.includes(text) !== true)
      .map((text) => `${facts.name}: ${text}`);
  });
  if (away.length === 0 && !drained) objections.push(`every book of ${region} is led there`);
  const steps = [
    ...(drained ? [`undrain ${region}`] : []),
    ...away.map(({ name }) => `wait until ${region} has caught up in ${name}, and switch it over`),
  ];
  const common = { subject: region, warnings: [], impossible: [] };
  return { kind: 'failback', steps, objections, ...common };
}
